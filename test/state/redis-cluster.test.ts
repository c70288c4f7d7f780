import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Cluster } from 'ioredis'
import { createClient, onReached, opened } from '../../state/redis/client.ts'
import { createKeys } from '../../state/redis/keys.ts'
import { parseRedisUrl } from '../../state/redis/url.ts'
import { describeState } from '../contract/state.ts'
import type { RedisCluster } from '../support/redis-cluster.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { redisCommand } from '../support/redis-server.ts'
import { redisHarness } from './redis-harness.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(() => cluster.close())

describeState(
  'Redis Cluster of three masters',
  redisHarness(() => ({ ports: cluster.ports, cluster: true })),
)

test('all keys of a partition lie in one slot, and partitions spread over all masters', async () => {
  const keys = createKeys('hooklet')
  const port = cluster.ports[0] ?? 0
  const slotOf = async (key: string): Promise<number> =>
    Number((await redisCommand(port, 'CLUSTER', 'KEYSLOT', key)).slice(1))
  const masters = new Set<number>()
  for (let partition = 0; partition < 64; partition += 1) {
    const { installation: _installation, repliesOf: _replies, workOf: _work, ...ofPartition } = keys
    const names = Object.values(ofPartition).flatMap((name) => name(partition, 'a {b} c'))
    const slots = new Set(await Promise.all(names.map(slotOf)))
    expect(slots.size).toBe(1)
    for (const slot of slots) masters.add(Math.floor((slot * 3) / 16_384))
  }
  expect(masters.size).toBe(3)
})

test('is reached at the first attempt', async () => {
  const url = `redis+cluster://${cluster.ports.map((port) => `127.0.0.1:${port}`).join(',')}`
  const target = parseRedisUrl(url)
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const client = createClient({ target, commandTimeoutMs: 5_000 }, false) as Cluster
    let again = 0
    client.on('reconnecting', () => (again += 1))
    // Of one that has not answered when the client is closed nobody hears.
    onReached(client, (server) => void server.ping().catch(() => {}))
    await opened(client)
    const masters = client.nodes('master').map(({ status }) => status)
    client.disconnect()
    expect({ again, masters }).toEqual({ again: 0, masters: ['ready', 'ready', 'ready'] })
  }
})
