/** WebSockets over three ingress and two runner processes on one Redis. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { DEFAULT_PARTITIONS, partitionOf } from '../../../ingress/routes/partition.ts'
import { redisCommand } from '../../support/redis-server.ts'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import type { SocketClient } from '../../support/socket-client.ts'
import { until } from '../../support/until.ts'
import { hook, startFleet, WIDE } from './fleet.ts'
import type { Fleet } from './fleet.ts'

// Dead processes lapse after two seconds.
jest.setTimeout(60_000)

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const fleetOf = async (...manifests: object[]): Promise<Fleet> => {
  const fleet = await startFleet({ ingress: 3, runners: 2, manifests })
  cleanup.push(() => fleet.close())
  return fleet
}

/** Connects to the ingresses by turns. */
const connect = (fleet: Fleet, webhook: string, nth: number): Promise<SocketClient> =>
  openSocket(urlOf(fleet, webhook, nth))

const urlOf = (fleet: Fleet, webhook: string, nth: number): string =>
  `${fleet.ingress[nth % fleet.ingress.length]?.url}${fleet.pathOf(webhook)}`

const sequence = (length: number): number[] => Array.from({ length }, (_, n) => n)

const onMessage = '${ .type == "message" }'

const echo = (name: string, limits: object): object[] =>
  hook(name, { type: 'WebSocket', limits }, [
    { echo: { if: onMessage, call: 'reply', with: { body: '${ .message.data }' } } },
  ])

type Journal = Awaited<ReturnType<typeof startJournal>>

/** Where workflows report the events that they saw. */
async function startJournal(name = 'watched') {
  const entries: { id: string; type: string; message: Record<string, unknown> }[] = []
  const watchers = new Set<() => void>()
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      entries.push(JSON.parse(body) as (typeof entries)[number])
      for (const watch of watchers) watch()
      response.setHeader('content-type', 'application/json').end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
    of: (type: string) => entries.filter((entry) => entry.type === type),
    until: (done: () => boolean) =>
      new Promise<void>((resolve) => {
        const watch = (): void => {
          if (!done()) return
          watchers.delete(watch)
          resolve()
        }
        watchers.add(watch)
        watch()
      }),
    /** A webhook whose workflow reports every event, and echoes messages. */
    hook: (limits: object): object[] =>
      hook(name, { type: 'WebSocket', limits }, [
        {
          report: {
            call: 'http',
            with: {
              method: 'post',
              endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
              body: '${ {id: .replyId, type, message} }',
            },
          },
        },
        {
          echo: {
            if: '${ $workflow.input.type == "message" }',
            call: 'reply',
            with: { body: '${ $workflow.input.message.data }' },
          },
        },
      ]),
  }
}

const relay = hook('relay', { type: 'WebSocket', limits: WIDE }, [
  { welcome: { if: '${ .type == "connect" }', call: 'reply', with: { body: '${ .replyId }' } } },
  {
    pass: {
      if: onMessage,
      call: 'reply',
      with: { replyId: '${ .message.data.to }', body: '${ .message.data.text }', encoding: 'utf8' },
      export: { as: '${ {outcome: $task.reply} }' },
    },
  },
  { tell: { if: onMessage, call: 'reply', with: { body: '${ $context.outcome }' } } },
])

describe('three ingress and two runner processes are one', () => {
  let fleet: Fleet
  let journal: Journal
  beforeAll(async () => {
    journal = await startJournal()
    fleet = await startFleet({
      ingress: 3,
      runners: 2,
      manifests: [
        ...echo('echo', WIDE),
        ...echo('few', { ...WIDE, connections: 10 }),
        ...journal.hook({ ...WIDE, rate: { requests: 50, window: '1m' } }),
        ...relay,
      ],
    })
  })
  afterAll(async () => {
    await fleet?.close()
    await journal.close()
  })

  test('L07 L15 every message of every client is answered to it, in order, whichever processes it meets', async () => {
    const clients = await Promise.all(sequence(30).map((nth) => connect(fleet, 'echo', nth)))
    await Promise.all(
      clients.map(async (client, nth) => {
        for (const n of sequence(40)) client.send(`${nth}/${n}`)
        const heard: unknown[] = []
        for (const _ of sequence(40)) heard.push(await client.next())
        expect(heard).toEqual(sequence(40).map((n) => `${nth}/${n}`))
      }),
    )
  })

  test('a run of one connection sends to a connection of another process, and is told `sent` or `gone`', async () => {
    const clients = await Promise.all(sequence(6).map((nth) => connect(fleet, 'relay', nth)))
    const ids = await Promise.all(clients.map((client) => client.next()))
    for (const [nth, client] of clients.entries()) {
      const other = (nth + 1) % clients.length
      client.send(JSON.stringify({ to: ids[other], text: `from ${nth}` }))
      expect(await clients[other]?.next()).toEqual(Buffer.from(`from ${nth}`))
      expect(await client.next()).toBe('sent')
    }
    clients[5]?.ws.close()
    await clients[5]?.closed
    const outcomes: unknown[] = []
    // Its end is on its way to Redis.
    while (outcomes.at(-1) !== 'gone') {
      clients[0]?.send(JSON.stringify({ to: ids[5], text: 'too late' }))
      outcomes.push(await clients[0]?.next())
      if (outcomes.length > 100) throw new Error('the connection is never gone')
    }
  })

  test('L36 of many that connect at once, exactly as many are open as may be', async () => {
    const attempts = await Promise.allSettled(sequence(45).map((nth) => connect(fleet, 'few', nth)))
    const open = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []))
    expect(open).toHaveLength(10)
    expect(await refusedSocket(urlOf(fleet, 'few', 1))).toMatchObject({ status: 429 })
    open[0]?.ws.close()
    await open[0]?.closed
    let again: SocketClient | undefined
    while (!again) again = await connect(fleet, 'few', 2).catch(() => undefined)
    expect(await refusedSocket(urlOf(fleet, 'few', 0))).toMatchObject({ status: 429 })
  })

  test('L33 L35 connections and messages share one window; messages over it close their connections', async () => {
    const clients = await Promise.all(sequence(9).map((nth) => connect(fleet, 'watched', nth)))
    // Nine of the window's places are taken: 41 messages pass, whoever sends them.
    for (const client of clients) for (const n of sequence(8)) client.send(String(n))
    await journal.until(() => journal.of('message').length >= 41)
    const closed = clients.filter(({ ws }) => ws.readyState !== 1)
    await Promise.all(closed.map(async (client) => expect((await client.closed).code).toBe(1008)))
    expect(closed.length).toBeGreaterThan(0)
    await journal.until(() => journal.of('disconnect').length >= closed.length)
    expect(journal.of('message')).toHaveLength(41)
    expect(await refusedSocket(urlOf(fleet, 'watched', 0))).toMatchObject({ status: 429 })
  })
})

test('kill -9 of an ingress: its clients go elsewhere, counts come right, and each end is one run', async () => {
  const journal = await startJournal()
  cleanup.push(() => journal.close())
  const fleet = await fleetOf(...journal.hook({ ...WIDE, connections: 15 }))
  const clients = await Promise.all(sequence(15).map((nth) => connect(fleet, 'watched', nth)))
  for (const [nth, client] of clients.entries()) client.send(`hello ${nth}`)
  for (const [nth, client] of clients.entries()) expect(await client.next()).toBe(`hello ${nth}`)
  await fleet.ingress[0]?.kill()
  const orphans = clients.filter((_, nth) => nth % 3 === 0)
  for (const orphan of orphans) expect((await orphan.closed).code).toBe(1006)
  // Their places are free when the dead process has lapsed, and not before anyone else could take more than
  // there are.
  const heirs: SocketClient[] = []
  while (heirs.length < orphans.length) {
    const heir = await connect(fleet, 'watched', 1 + (heirs.length % 2)).catch(() => undefined)
    if (heir) heirs.push(heir)
    else await sleep(50)
  }
  expect(await refusedSocket(urlOf(fleet, 'watched', 1))).toMatchObject({ status: 429 })
  for (const [nth, heir] of heirs.entries()) {
    heir.send(`back ${nth}`)
    expect(await heir.next()).toBe(`back ${nth}`)
  }
  await journal.until(() => journal.of('disconnect').length >= orphans.length)
  // Redis knows of none that has lapsed any more, and every end that was recorded has been run.
  const key = `hooklet:{p${partitionOf('webhook:default/watched', DEFAULT_PARTITIONS)}}`
  const count = (...command: string[]): Promise<string> => redisCommand(fleet.redis.port, ...command)
  await until(async () => (await count('ZCARD', `${key}:connections`)) === `:${clients.length}\r\n`)
  await until(async () => (await count('XLEN', `${key}:events`)) === ':0\r\n')
  const ends = journal.of('disconnect')
  expect(ends).toHaveLength(orphans.length)
  expect(new Set(ends.map(({ id }) => id)).size).toBe(orphans.length)
  for (const { message } of ends) expect(message).toEqual({ statusCode: 1006, reason: '' })
  for (const client of [...clients.filter((_, nth) => nth % 3 !== 0), ...heirs])
    expect(client.ws.readyState).toBe(1)
})

test('SIGTERM of an ingress: 1012 for its clients, an event for each end, and a clean exit', async () => {
  const journal = await startJournal()
  cleanup.push(() => journal.close())
  const fleet = await fleetOf(...journal.hook(WIDE))
  const clients = await Promise.all(sequence(9).map((nth) => connect(fleet, 'watched', nth)))
  const leaving = clients.filter((_, nth) => nth % 3 === 0)
  const exit = fleet.ingress[0]?.stop()
  for (const client of leaving)
    expect(await client.closed).toEqual({ code: 1012, reason: 'Server is restarting' })
  expect(await exit).toBe(0)
  await journal.until(() => journal.of('disconnect').length >= leaving.length)
  for (const { message } of journal.of('disconnect'))
    expect(message).toEqual({ statusCode: 1012, reason: 'Server is restarting' })
  expect(clients.filter(({ ws }) => ws.readyState === 1)).toHaveLength(6)
})

test('kill -9 of a runner: the messages of each connection still have their order', async () => {
  const journal = await startJournal()
  cleanup.push(() => journal.close())
  const fleet = await fleetOf(...journal.hook(WIDE))
  const clients = await Promise.all(sequence(12).map((nth) => connect(fleet, 'watched', nth)))
  for (const client of clients) for (const n of sequence(30)) client.send(String(n))
  await journal.until(() => journal.of('message').length > 60)
  await fleet.runners[0]?.kill()
  for (const client of clients) {
    const heard: unknown[] = []
    while (heard.at(-1) !== '29') heard.push(await client.next())
    // The one message whose run was cut off may come twice.
    expect(heard.filter((said, nth) => said !== heard[nth - 1])).toEqual(sequence(30).map(String))
    expect(heard.length).toBeLessThanOrEqual(31)
  }
})
