/** A Redis Cluster of which a part fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import { addressOf, callEvent, inbox, readEvents, waitingEvent } from '../contract/harness.ts'
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
