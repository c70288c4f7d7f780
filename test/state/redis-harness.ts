import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { decodeEvent } from '../../state/redis/event-format.ts'
import { createKeys } from '../../state/redis/keys.ts'
import type { RedisState } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import type { IngressState, RunnerState } from '../../state/state.ts'
import type { StartHarness } from '../contract/harness.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

/** Long enough that nobody who lives misses it on a busy machine; the tests wait for it side by side. */
const lapseMs = 1_800

/**
 * What the contract suite needs, on real servers: every process has its own way to them, which is cut when it
 * crashes.
 */
export function redisHarness(servers: () => { ports: number[]; cluster: boolean }): StartHarness {
  return async (options = {}) => {
    const { ports, cluster } = servers()
    const prefix = randomUUID()
    const keys = createKeys(prefix)
    const ways = await Promise.all(
      Array.from({ length: 9 }, () => Promise.all(ports.map((port) => startTcpProxy(port)))),
    )
    const states: RedisState[] = []
    const wayOf = new Map<IngressState | RunnerState, TcpProxy[]>()

    function open<T extends IngressState | RunnerState>(create: (state: RedisState) => T): T {
      const way = ways.pop()
      if (way === undefined) throw new Error('the test starts more processes than there are ways')
      const hosts = way.map(({ port }) => `127.0.0.1:${port}`)
      const state = createRedisState({
        url: cluster ? `redis+cluster://${hosts.join(',')}` : `redis://${hosts[0]}`,
        natMap: Object.fromEntries(
          ports.map((port, index) => [
            `127.0.0.1:${port}`,
            { host: '127.0.0.1', port: way[index]?.port ?? 0 },
          ]),
        ),
        prefix,
        lapseMs,
        sweepMs: 200,
        // All of them are looked at in each sweep, by every process of all tests at once.
        partitions: 16,
        // A busy machine may take its time; how failures show in time has tests of its own.
        commandTimeoutMs: 5_000,
        ...options,
      })
      states.push(state)
      const process = create(state)
      wayOf.set(process, way)
      return process
    }

    return {
      ingress: (podId) => open((state) => state.ingress(podId)),
      runner: (consumerId) => open((state) => state.runner(consumerId)),
      // Timers of Node may be a millisecond early by the clock of Redis.
      advance: (ms) => sleep(ms + 5),
      async crash(process) {
        await Promise.all((wayOf.get(process) ?? []).map((proxy) => proxy.cut()))
      },
      lapseMs,
      async deadLetters(partition) {
        const address = { host: '127.0.0.1', port: ports[0] ?? 0 }
        const client = cluster ? new Cluster([address]) : new Redis(address)
        const entries = (await client.xrangeBuffer(keys.deadLetters(partition), '-', '+')) as [
          Buffer,
          Buffer[],
        ][]
        client.disconnect()
        return entries.map(([, fields]) => {
          const byName = new Map(
            fields.flatMap((name, at) => (at % 2 ? [] : [[name.toString(), fields[at + 1]]])) as [
              string,
              Buffer,
            ][],
          )
          const field = (name: string): Buffer => byName.get(name) ?? Buffer.alloc(0)
          return {
            event: decodeEvent(field('h'), field('b')),
            deliveries: Number(field('deliveries').toString()),
            reason: field('reason').toString(),
          }
        })
      },
      async close() {
        await Promise.all(states.map((state) => state.close()))
        await Promise.all([...ways, ...wayOf.values()].flat().map((proxy) => proxy.cut()))
      },
    }
  }
}
