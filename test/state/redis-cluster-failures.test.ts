/** A Redis Cluster of which a part fails. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, jest, test } from '@jest/globals'
import { longId } from '../../state/redis/keys.ts'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import type { EventDelivery } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { addressOf, callEvent, inbox, readEvent, readEvents, waitingEvent } from '../contract/harness.ts'
import { eachWith } from '../support/each-with.ts'
import { createManualClock } from '../support/manual-clock.ts'
import type { RedisCluster, RedisClusterOptions } from '../support/redis-cluster.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { redisCommand } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until as untilSo } from '../support/until.ts'

// A failover takes a Cluster some twenty seconds, and longer on a busy machine.
jest.setTimeout(120_000)
const until = (isSo: () => Promise<boolean>): Promise<void> => untilSo(isSo, { withinMs: 60_000 })

const slots = 16_384
const lapseMs = 900

/** A Cluster of a test's own, and ways to look into it. */
interface Lab {
  cluster: RedisCluster
  open(options?: Partial<RedisStateOptions>): RedisState
  /** A partition of the master, of which there are three. */
  partitionOf(master: number): Promise<number>
  /** What the node answers. */
  say(node: number, ...command: string[]): Promise<string>
  /** The number that it gives. */
  number(node: number, ...command: string[]): Promise<number>
  close(): Promise<void>
}

async function start(options: RedisClusterOptions): Promise<Lab> {
  const cluster = await startRedisCluster({
    ...options,
    args: ['--cluster-require-full-coverage', 'no', '--appendonly', 'yes', ...(options.args ?? [])],
  })
  const states: RedisState[] = []
  const say: Lab['say'] = (node, ...command) => redisCommand(cluster.ports[node] ?? 0, ...command)
  return {
    cluster,
    say,
    open(more = {}) {
      const url = `redis+cluster://${cluster.ports.map((port) => `127.0.0.1:${port}`).join(',')}`
      const state = createRedisState({ url, lapseMs, sweepMs: 200, ...more })
      states.push(state)
      return state
    },
    async partitionOf(master) {
      for (let partition = 0; ; partition += 1) {
        const answer = await say(0, 'CLUSTER', 'KEYSLOT', `{p${partition}}`)
        if (Math.floor((Number(answer.slice(1)) * 3) / slots) === master) return partition
      }
    },
    async number(node, ...command) {
      return Number(/\d+/.exec((await say(node, ...command)).replace(/^\$\d+/, ''))?.[0])
    },
    async close() {
      await Promise.all(states.map((state) => state.close()))
      await cluster.close()
    },
  }
}

const withCluster = eachWith(start)

/** They run side by side: most of their time they wait for their Clusters. */
function check(name: string, body: (lab: Lab) => Promise<void>, options: RedisClusterOptions = {}): void {
  test.concurrent(name, withCluster(body, options))
}

check(
  'what is held on other masters is renewed and fetched while one is away',
  async ({ cluster, open, partitionOf, say, number }) => {
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
    const lapsesAt = () => number(1, 'ZSCORE', `hooklet:{p${living}}:lease:orders`, longId('a'))
    await until(async () => (await lapsesAt()) > killedAt + lapseMs)
    const idleMs = async () =>
      Number(
        (await say(1, 'XPENDING', `hooklet:{p${living}}:events`, 'runners', '-', '+', '1'))
          .split('\r\n')[6]
          ?.slice(1),
      )
    await until(async () => (await idleMs()) < Date.now() - killedAt)
    // Nobody hears of it.
    for (const node of [1, 2]) await say(node, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
    expect(await runner.reply(addressOf(events[1]), { kind: 'ended' })).toBe('first')
    expect((await replies.next()).replyId).toBe(events[1].reply.id)
  },
)

check(
  'a call that is refused is not kept to be sent when its master is back',
  async ({ cluster, open, partitionOf, number }) => {
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
  },
)

check(
  'a master that hangs does not keep a runner from the work on others',
  async ({ cluster, open, partitionOf }) => {
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
  },
)

check('a channel that has gone silent is taken up again', async ({ cluster, open, partitionOf, say }) => {
  const proxies = await Promise.all(cluster.ports.map((port) => startTcpProxy(port)))
  const natMap = Object.fromEntries(
    cluster.ports.map((port, index) => [
      `127.0.0.1:${port}`,
      { host: '127.0.0.1', port: proxies[index]?.port ?? 0 },
    ]),
  )
  const listeners = async (): Promise<string[]> => {
    const lists = await Promise.all([0, 1, 2].map((node) => say(node, 'CLIENT', 'LIST', 'TYPE', 'pubsub')))
    return lists.flatMap((list, node) => (list.match(/\bid=\d+/g) ?? []).map((id) => `${node} ${id}`))
  }
  const options = { sweepMs: 600_000, commandTimeoutMs: 200 }
  const ingress = open({ ...options, natMap }).ingress('pod')
  const runner = open(options).runner('runner')
  const replies = inbox(ingress)
  try {
    await until(() => ingress.ready())
    const before = await listeners()
    for (const proxy of proxies) proxy.silence()
    await until(async () => (await listeners()).some((one) => !before.includes(one)))
    const partition = await partitionOf(1)
    // The connection for commands to this master was silent as well.
    await until(async () => (await ingress.admit({ partition }).catch(() => undefined)) !== undefined)
    const event = waitingEvent(partition)
    await ingress.admit({ partition, event, replyTtlMs: 60_000 })
    expect(await runner.reply(addressOf(event), { kind: 'ended' })).toBe('first')
    expect((await replies.next()).replyId).toBe(event.reply.id)
  } finally {
    await ingress.close()
    for (const proxy of proxies) await proxy.cut()
  }
})

check('an event wakes one idle runner, wherever that listens', async ({ open, partitionOf, number }) => {
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

check(
  'calls, work and replies go on with a replica when a master is killed under load',
  async ({ cluster, open, partitionOf, say }) => {
    const partitions = [await partitionOf(0), await partitionOf(1), await partitionOf(2)]
    const lost = partitions[0] ?? 0
    const state = open()
    const ingress = state.ingress('pod')
    const runner = state.runner('runner')
    const replies = inbox(ingress)
    const done = new Set<string>()
    const stop = new AbortController()
    /** As a runner does: until it is told. */
    const carry = async (delivery: EventDelivery): Promise<void> => {
      while (!stop.signal.aborted)
        try {
          await runner.reply(addressOf(delivery.event), { kind: 'ended' })
          await runner.acknowledge([delivery])
          done.add(delivery.event.id)
          return
        } catch (error) {
          expect(error).toBeInstanceOf(StateUnavailable)
          await sleep(50)
        }
    }
    const inHand: Promise<void>[] = []
    const work = (async () => {
      while (!stop.signal.aborted) {
        const deliveries = await runner.read({ count: 16, blockMs: 200 }).catch(() => [])
        for (const delivery of deliveries) if (delivery.kind === 'event') inHand.push(carry(delivery))
      }
    })()
    const accepted = new Map<string, { partition: number; replyId: string }>()
    const load = partitions.map(async (partition) => {
      while (!stop.signal.aborted) {
        const event = waitingEvent(partition)
        const verdict = await ingress
          .admit({ partition, event, replyTtlMs: 60_000 })
          .catch((error: unknown) => {
            expect(error).toBeInstanceOf(StateUnavailable)
          })
        if (verdict?.kind === 'accepted') accepted.set(event.id, { partition, replyId: event.reply.id })
        await sleep(5)
      }
    })
    try {
      const of = (partition: number) => [...accepted].filter(([, call]) => call.partition === partition)
      await until(async () => partitions.every((partition) => of(partition).length > 20))
      const kept = of(lost)
      // All of these reach the replica; what comes later may be lost with the master.
      const offset = async (node: number, name: string) =>
        Number(new RegExp(`${name}:(\\d+)`).exec(await say(node, 'INFO', 'replication'))?.[1])
      const written = await offset(0, 'master_repl_offset')
      await until(async () => (await offset(3, 'slave_repl_offset')) >= written)
      await cluster.nodes[0]?.kill()
      const [before, elsewhere] = [of(lost).length, of(partitions[1] ?? 0).length]
      await until(async () => (await say(3, 'ROLE')).includes('master'))
      await until(async () => of(lost).length > before + 20)
      // Those of other masters did not wait for it.
      expect(of(partitions[1] ?? 0).length).toBeGreaterThan(elsewhere + 20)
      const after = of(lost).slice(-10)
      const mustBeDone = [...kept, ...after, ...of(partitions[1] ?? 0), ...of(partitions[2] ?? 0)]
      await until(async () => mustBeDone.every(([id]) => done.has(id)))
      const answered = () => new Set(replies.received.map(({ replyId }) => replyId))
      await until(async () => after.every(([, { replyId }]) => answered().has(replyId)))
    } finally {
      stop.abort()
      await Promise.all([work, ...load, ...inHand])
    }
  },
  { replicas: true },
)

check(
  'a Cluster that is down refuses calls, and nothing of them is found when it is up again',
  async ({ cluster, open, partitionOf, number }) => {
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
  },
  { args: ['--cluster-require-full-coverage', 'yes'] },
)
