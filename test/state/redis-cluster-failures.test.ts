/** A Redis Cluster of which a part fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import { StateUnavailable } from '../../state/state.ts'
import { addressOf, callEvent, inbox, readEvent, readEvents, waitingEvent } from '../contract/harness.ts'
import { createManualClock } from '../support/manual-clock.ts'
import type { RedisCluster, RedisClusterOptions } from '../support/redis-cluster.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { redisCommand } from '../support/redis-server.ts'

const slots = 16_384
const lapseMs = 900
let cluster: RedisCluster
const states: RedisState[] = []

async function start(options: RedisClusterOptions = {}): Promise<void> {
  cluster = await startRedisCluster({
    ...options,
    args: ['--cluster-require-full-coverage', 'no', '--appendonly', 'yes', ...(options.args ?? [])],
  })
}
afterEach(async () => {
  await Promise.all(states.splice(0).map((state) => state.close()))
  await cluster.close()
})

function open(options: Partial<RedisStateOptions> = {}): RedisState {
  const url = `redis+cluster://${cluster.ports.map((port) => `127.0.0.1:${port}`).join(',')}`
  const state = createRedisState({ url, lapseMs, sweepMs: 200, ...options })
  states.push(state)
  return state
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true')
    await sleep(20)
  }
}

/** A partition of the master, of which there are three. */
async function partitionOf(master: number): Promise<number> {
  for (let partition = 0; ; partition += 1) {
    const answer = await redisCommand(cluster.ports[0] ?? 0, 'CLUSTER', 'KEYSLOT', `{p${partition}}`)
    if (Math.floor((Number(answer.slice(1)) * 3) / slots) === master) return partition
  }
}

const portOf = (node: number): number => cluster.ports[node] ?? 0

/** The number that Redis gives. */
async function number(node: number, ...command: string[]): Promise<number> {
  return Number(/\d+/.exec((await redisCommand(portOf(node), ...command)).replace(/^\$\d+/, ''))?.[0])
}

test('what is held on other masters is renewed and fetched while one is away', async () => {
  await start()
  // That of the lost master comes first wherever one is done after the other.
  const [lost, living] = [await partitionOf(0), await partitionOf(1)]
  const state = open()
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const replies = inbox(ingress)
  const events = [waitingEvent(lost), waitingEvent(living)] as const
  for (const [index, partition] of [lost, living].entries()) {
    const lease = { key: 'orders', id: 'a', limit: 1 }
    await ingress.admit({ partition, lease, event: events[index] ?? callEvent(), replyTtlMs: 60_000 })
    await readEvents(runner, 1)
  }
  await cluster.nodes[0]?.kill()
  const killedAt = Date.now()
  const lapsesAt = () => number(1, 'ZSCORE', `hooklet:{p${living}}:lease:orders`, 'a')
  await until(async () => (await lapsesAt()) > killedAt + lapseMs)
  const idleMs = async () =>
    Number(
      (await redisCommand(portOf(1), 'XPENDING', `hooklet:{p${living}}:events`, 'runners', '-', '+', '1'))
        .split('\r\n')[6]
        ?.slice(1),
    )
  await until(async () => (await idleMs()) < Date.now() - killedAt)
  // Nobody hears of it.
  for (const node of [1, 2]) await redisCommand(portOf(node), 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  expect(await runner.reply(addressOf(events[1]), { kind: 'ended' })).toBe('first')
  expect((await replies.next()).replyId).toBe(events[1].reply.id)
})

test('a call that is refused is not kept to be sent when its master is back', async () => {
  await start()
  const partition = await partitionOf(0)
  const ingress = open().ingress('pod')
  const admit = () => ingress.admit({ partition, event: callEvent() })
  await admit()
  await cluster.nodes[0]?.kill()
  await until(async () => (await admit().catch((error: unknown) => error)) instanceof StateUnavailable)
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, admit))
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'))
  await cluster.nodes[0]?.start()
  await until(async () => (await admit().catch(() => undefined))?.kind === 'accepted')
  await admit()
  expect(await number(0, 'XLEN', `hooklet:{p${partition}}:events`)).toBe(3)
})

test('a master that hangs does not keep a runner from the work on others', async () => {
  await start()
  const [hanging, living] = [await partitionOf(0), await partitionOf(1)]
  const ingress = open().ingress('pod')
  // No read of the hanging one ends within the test.
  const runner = open({ commandTimeoutMs: 600_000 }).runner('runner')
  await ingress.admit({ partition: hanging, event: callEvent() })
  await readEvent(runner)
  cluster.nodes[0]?.pause()
  try {
    for (let each = 0; each < 5; each += 1) {
      const event = callEvent()
      await ingress.admit({ partition: living, event })
      expect((await readEvent(runner)).event.id).toBe(event.id)
    }
  } finally {
    cluster.nodes[0]?.resume()
  }
})

test('an event wakes one idle runner, wherever that listens', async () => {
  await start()
  const ingress = open().ingress('pod')
  // On a clock that stands still, so that none passes on what it was woken for.
  const runners = Array.from({ length: 6 }, (_, each) =>
    open({ clock: createManualClock() }).runner(`runner-${each}`),
  )
  for (const runner of runners) expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
  for (const master of [0, 1, 2]) {
    const partition = await partitionOf(master)
    const idle = `hooklet:{p${partition}}:idle`
    expect(await number(master, 'SCARD', idle)).toBe(6)
    await ingress.admit({ partition, event: callEvent() })
    expect(await number(master, 'SCARD', idle)).toBe(5)
  }
})

test('a Cluster that is down refuses calls, and nothing of them is found when it is up again', async () => {
  await start({ args: ['--cluster-require-full-coverage', 'yes'] })
  const partition = await partitionOf(1)
  const ingress = open().ingress('pod')
  const admit = () => ingress.admit({ partition, event: callEvent() })
  let accepted = 0
  const causes: string[] = []
  const call = async () =>
    admit().then(
      () => void (accepted += 1),
      (error: Error) => void causes.push(`${error.message} ${String(error.cause)}`),
    )
  await call()
  await cluster.nodes[0]?.kill()
  await until(async () => {
    await call()
    return causes.some((cause) => cause.includes('CLUSTERDOWN'))
  })
  const before = accepted
  await cluster.nodes[0]?.start()
  await until(async () => {
    await call()
    return accepted > before
  })
  expect(await number(1, 'XLEN', `hooklet:{p${partition}}:events`)).toBe(accepted)
}, 60_000)
