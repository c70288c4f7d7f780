/** WebSockets on a Redis that fails, and what they leave behind. */
import { describe, expect, test } from '@jest/globals'
import type { Connection } from '../../state/redis/connection.ts'
import { createKeys } from '../../state/redis/keys.ts'
import { settingsOf } from '../../state/redis/options.ts'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { loadScripts } from '../../state/redis/script.ts'
import { createSockets } from '../../state/redis/sockets.ts'
import type { IngressState, SocketRef } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { readEvent } from '../contract/harness.ts'
import { disconnectOf, ears, messageOf, newSocket, socketEvent, text, wide } from '../contract/sockets.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { redisCommand } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { DURABLE, redisLab } from './redis-lab.ts'

const lab = redisLab(DURABLE)

function start(options: Partial<RedisStateOptions> = {}): RedisState {
  return lab.open({ sweepMs: 200, lapseMs: 900, ...options })
}

async function open(ingress: IngressState): Promise<SocketRef> {
  const socket = newSocket()
  const opening = { throttle: wide, limit: 100, event: socketEvent(socket, 'connect') }
  expect(await ingress.connect(socket, opening)).toEqual({ kind: 'accepted' })
  return socket
}

test('messages whose publication was missed are delivered, once and in order', async () => {
  const state = start()
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const pod = ears(ingress)
  const socket = await open(ingress)
  const send = (said: string) => runner.send({ replyId: socket.id, namespace: 'shop' }, text(said))
  expect(await send('one')).toBe('sent')
  await pod.until(() => pod.heard.length === 1)
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  expect(await send('two')).toBe('sent')
  expect(await send('three')).toBe('sent')
  await pod.until(() => pod.heard.length === 3)
  expect(await send('four')).toBe('sent')
  await pod.until(() => pod.heard.length === 4)
  expect(pod.heard.map(({ message }) => message)).toEqual(['one', 'two', 'three', 'four'].map(text))
})

test('nothing is left of a connection that is over and of messages that were delivered', async () => {
  const state = start()
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const pod = ears(ingress)
  const socket = await open(ingress)
  const address = { replyId: socket.id, namespace: 'shop' }
  const keysNow = async (pattern: string) => redisCommand(lab.server.port, 'KEYS', pattern)
  for (let each = 0; each < 10; each += 1) await runner.send(address, text(String(each)))
  await pod.until(() => pod.heard.length === 10)
  await until(async () => (await keysNow('*:outbox:*')) === '*0\r\n')
  await ingress.disconnect(socket, disconnectOf(socket))
  for (let each = 0; each < 2; each += 1) await runner.acknowledge([await readEvent(runner)])
  for (const pattern of ['*:connection*', '*:outbox:*', '*:line:*', '*:lease:*'])
    expect([pattern, await keysNow(pattern)]).toEqual([pattern, '*0\r\n'])
})

test('a gap that shows while another is being closed is closed as well', async () => {
  const scripts = loadScripts()
  const answers: ((outbox: unknown) => void)[] = []
  const connection: Connection = {
    run: (script) =>
      script === scripts['fetch-outbox']
        ? new Promise((resolve) => answers.push(resolve))
        : Promise.resolve([0]),
    turn: { atEnd: (act) => act(), end: () => {} },
    runForBuffers: () => Promise.resolve([]),
    commandForBuffers: () => Promise.resolve([]),
    ensureOpen: (value) => Promise.resolve(value),
    ready: () => Promise.resolve(true),
    close: () => {},
  }
  const settings = settingsOf({ url: lab.server.url, clock: createManualClock() })
  const sockets = createSockets({ channel: 'pod', keys: createKeys('x'), scripts, settings, connection })
  const heard: unknown[] = []
  sockets.onSocket({ message: (_, message) => heard.push(message), lapsed: () => {} })
  const socket = newSocket()
  await sockets.connect(socket, { throttle: wide, limit: 1, event: socketEvent(socket, 'connect') })
  const messages = ['one', 'two', 'three', 'four'].map((said) => JSON.stringify(text(said)))
  sockets.deliver(socket.id, `2 ${messages[1]}`)
  // Sent after the outbox was read, and heard of before that is answered.
  sockets.deliver(socket.id, `4 ${messages[3]}`)
  answers.shift()?.([2, messages.slice(0, 2)])
  await until(async () => answers.length > 0)
  answers.shift()?.([4, messages])
  await until(async () => heard.length === 4)
  expect(heard).toEqual(['one', 'two', 'three', 'four'].map(text))
  sockets.stop()
})

test('a connection whose full outbox has expired is sent to again', async () => {
  const state = start({ lapseMs: 60_000 })
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const socket = await open(ingress)
  await ingress.close()
  const send = (said: string) => runner.send({ replyId: socket.id, namespace: 'shop' }, text(said))
  while ((await send('x'.repeat(1_000_000))) === 'sent');
  await redisCommand(lab.server.port, 'PEXPIRE', `hooklet:{p3}:outbox:${socket.id}`, '0')
  expect(await send('after all')).toBe('sent')
})

test('a pod that takes nothing leaves a bounded outbox behind', async () => {
  const state = start({ lapseMs: 60_000 })
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const socket = await open(ingress)
  await ingress.close()
  const outcomes = await Promise.all(
    Array.from({ length: 1_005 }, (_, each) =>
      runner.send({ replyId: socket.id, namespace: 'shop' }, text(String(each))),
    ),
  )
  expect(outcomes.filter((outcome) => outcome === 'gone')).toHaveLength(5)
})

describe('connections outlive a restart of Redis that takes longer than they may be silent', () => {
  const lapseMs = 900
  const connections = 'hooklet:{p3}:connections'
  const count = () => redisCommand(lab.server.port, 'ZCARD', connections)

  test('when their pod comes back', async () => {
    const state = start()
    const ingress = state.ingress('pod')
    const runner = state.runner('runner')
    const pod = ears(ingress)
    const socket = await open(ingress)
    const lapsesAt = async () =>
      Number((await redisCommand(lab.server.port, 'ZSCORE', connections, socket.id)).split('\r\n')[1])
    const before = await lapsesAt()
    await lab.server.kill()
    const message = { throttle: wide, event: messageOf(socket, 'x') }
    await expect(ingress.receive(socket, message)).rejects.toThrow(StateUnavailable)
    await until(async () => Date.now() > before)
    await lab.server.start()
    await until(async () => (await lapsesAt()) > before)
    expect(pod.lapsed).toEqual([])
    expect(await ingress.receive(socket, message)).toEqual({ kind: 'accepted' })
    await until(() => runner.ready())
    expect(await runner.send({ replyId: socket.id, namespace: 'shop' }, text('still there'))).toBe('sent')
  })

  test('for a whole lapse from when the runner reaches Redis again', async () => {
    // The pod never renews; the runner does what it does when its clock is moved.
    await open(start({ clock: createManualClock() }).ingress('pod'))
    const clock = createManualClock()
    const runner = start({ clock, lapseMs }).runner('runner')
    await until(() => runner.ready())
    const isOver = async () =>
      (await redisCommand(lab.server.port, 'ZCOUNT', connections, '-inf', String(Date.now()))) === ':1\r\n'
    /** Each step is a try of the runner, and over when what it has asked Redis is answered. */
    const pass = async (ms: number) => {
      for (let step = 0; step < ms; step += lapseMs / 3) {
        await clock.advance(lapseMs / 3)
        for (let each = 0; each < 40; each += 1) await runner.ready()
      }
    }
    await until(isOver)
    await lab.server.kill()
    await until(async () => !(await runner.ready()))
    await pass(lapseMs / 3)
    await lab.server.start()
    await until(() => runner.ready())
    await pass(lapseMs)
    expect(await count()).toBe(':1\r\n')
    await pass(lapseMs / 3)
    // It asks one partition after the other; this one's turn comes with the round that has begun.
    await until(async () => (await count()) === ':0\r\n')
  })
})

test('a pod learns that its connection is unknown when Redis has lost its data', async () => {
  const ingress = start().ingress('pod')
  const pod = ears(ingress)
  const socket = await open(ingress)
  await redisCommand(lab.server.port, 'FLUSHALL')
  await pod.until(() => pod.lapsed.length > 0)
  expect(pod.lapsed).toEqual([socket.id])
})
