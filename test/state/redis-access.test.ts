import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, promisify } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import { disconnectOf, ears, messageOf, newSocket, socketEvent, text, wide } from '../contract/sockets.ts'
import { addressOf, inbox, readEvent, waitingEvent } from '../contract/harness.ts'
import { redisCommand, startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/until.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function start(...args: string[]) {
  const server = await startRedisServer(args)
  cleanups.push(() => server.close())
  return server
}

/** An event goes all the way and its reply comes back. */
async function expectToServe(options: RedisStateOptions): Promise<RedisState> {
  const state = createRedisState(options)
  cleanups.push(() => state.close())
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  await until(async () => (await ingress.ready()) && (await runner.ready()))
  const replies = inbox(ingress)
  const event = waitingEvent(3)
  expect(await ingress.admit({ partition: 3, event, replyTtlMs: 60_000 })).toEqual({ kind: 'accepted' })
  expect((await readEvent(runner)).event).toEqual(event)
  expect(await runner.reply(addressOf(event), { kind: 'ended' })).toBe('first')
  expect((await ingress.statistics()).events).toBe(1)
  expect((await replies.next()).replyId).toBe(event.reply.id)
  const sockets = ears(ingress)
  const socket = newSocket()
  const opening = { throttle: wide, limit: 1, event: socketEvent(socket, 'connect') }
  expect(await ingress.connect(socket, opening)).toEqual({ kind: 'accepted' })
  expect(await runner.send({ replyId: socket.id, namespace: 'shop' }, text('hi'))).toBe('sent')
  await sockets.until(() => sockets.heard.length === 1)
  const message = { throttle: wide, event: messageOf(socket, 'hello') }
  expect(await ingress.receive(socket, message)).toEqual({ kind: 'accepted' })
  const connect = await readEvent(runner)
  await ingress.disconnect(socket, disconnectOf(socket))
  await runner.acknowledge([connect])
  expect((await readEvent(runner)).event).toEqual(message.event)
  return state
}

async function createCertificate(): Promise<{ key: string; cert: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hooklet-tls-'))
  cleanups.push(() => rm(directory, { recursive: true }))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const form = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  await promisify(execFile)('openssl', [...form, ...subject, '-keyout', key, '-out', cert])
  return { key, cert }
}

test('a user of Redis needs no more than the keys and channels of the prefix, and these commands', async () => {
  const rights = [
    '~shop:*',
    'resetchannels',
    '&shop:*',
    '-@all',
    '+@stream',
    '+@hash',
    '+@sortedset',
    '+@list',
    '+@set',
    '+del',
    '+eval',
    '+evalsha',
    '+script|load',
    '+publish',
    '+subscribe',
    '+exists',
    '+pexpire',
    '+time',
    '+ping',
    '+info',
    '+hello',
  ]
  const server = await startRedisServer(
    [],
    [`user hooklet on >s3:cret/ ${rights.join(' ')}`, 'user default off'],
  )
  cleanups.push(() => server.close())
  await expectToServe({ url: `redis://hooklet:s3%3Acret%2F@127.0.0.1:${server.port}`, prefix: 'shop' })
})

test('with a password and another database', async () => {
  const server = await start('--requirepass', 'secret')
  await expectToServe({ url: `redis://:secret@127.0.0.1:${server.port}/5` })
})

test('a wrong password makes it unready, and neither the password nor the payload is in the errors', async () => {
  const server = await start('--requirepass', 'secret')
  const errors: unknown[] = []
  const state = createRedisState({
    url: `redis://:wrong-one@127.0.0.1:${server.port}`,
    onError: (error) => errors.push(error),
  })
  cleanups.push(() => state.close())
  const ingress = state.ingress('pod')
  const admission = ingress.admit({
    partition: 0,
    event: { ...waitingEvent(0), query: 'payload' },
    replyTtlMs: 1_000,
  })
  errors.push(await admission.catch((error: unknown) => error))
  expect(await ingress.ready()).toBe(false)
  const text = errors.map((error) => `${String(error)} ${JSON.stringify(error)} ${inspect(error)}`).join()
  expect(text).toContain('WRONGPASS')
  expect(text).not.toContain('wrong-one')
  expect(text).not.toContain('payload')
})

test('over TLS, and not with a certificate that nobody vouches for', async () => {
  const { key, cert } = await createCertificate()
  const files = [
    '--tls-key-file',
    key,
    '--tls-cert-file',
    cert,
    '--tls-ca-cert-file',
    cert,
    '--tls-auth-clients',
    'no',
  ]
  const server = await startRedisServer((port) => ['--port', '0', '--tls-port', String(port), ...files])
  cleanups.push(() => server.close())
  const url = `rediss://localhost:${server.port}`
  await expectToServe({ url, tls: { ca: await readFile(cert) } })
  const state = createRedisState({ url })
  cleanups.push(() => state.close())
  expect(await state.ingress('pod').ready()).toBe(false)
})

test('by a Sentinel, and with the new master after a failover', async () => {
  const master = await start()
  const replica = await start('--replicaof', '127.0.0.1', String(master.port))
  const sentinel = await startRedisServer(
    ['--sentinel'],
    [`sentinel monitor main 127.0.0.1 ${master.port} 1`, 'sentinel down-after-milliseconds main 500'],
  )
  cleanups.push(() => sentinel.close())
  const knows = (text: string) => async () =>
    (await redisCommand(sentinel.port, 'SENTINEL', 'MASTERS')).includes(text)
  await until(knows('num-slaves\r\n$1\r\n1'))
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/main`
  const state = await expectToServe({ url })
  const ingress = state.ingress('pod-b')
  const runner = state.runner('runner-b')
  const replies = inbox(ingress)
  await until(async () => (await ingress.ready()) && (await runner.ready()))
  await until(async () =>
    (await redisCommand(replica.port, 'INFO', 'replication')).includes('master_link_status:up'),
  )
  await master.kill()
  await until(knows(`\r\n${replica.port}\r\n`))
  await until(async () => {
    const verdict = await ingress
      .admit({ partition: 0, event: waitingEvent(0), replyTtlMs: 1_000 })
      .catch(() => undefined)
    return verdict?.kind === 'accepted'
  })
  // Runner and pod have found the new master, and its channels.
  await until(() => runner.ready())
  const event = waitingEvent(0)
  expect(await ingress.admit({ partition: 0, event, replyTtlMs: 60_000 })).toEqual({ kind: 'accepted' })
  for (let id = ''; id !== event.id;) {
    const delivery = await readEvent(runner)
    id = delivery.event.id
    await runner.reply(addressOf(delivery.event), { kind: 'output', body: id })
    await runner.acknowledge([delivery])
  }
  const answer = { replyId: event.reply.id, message: { kind: 'output', body: event.id } }
  await until(async () => replies.received.some(({ replyId }) => replyId === event.reply.id))
  expect(replies.received).toContainEqual(answer)
})
