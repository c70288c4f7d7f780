import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createRedisState } from '../../state/redis/redis.ts'
import { describeState } from '../contract/state.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { redisHarness } from './redis-harness.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedisServer()
})
afterAll(() => server.close())

describeState(
  'Redis state',
  redisHarness(() => ({ ports: [server.port], cluster: false })),
)

test('a renewal that comes while a place is asked for does not take it', async () => {
  const lapseMs = 900
  const clock = createManualClock()
  const state = createRedisState({ url: server.url, prefix: randomUUID(), clock, lapseMs })
  const ingress = state.ingress('pod')
  const partition = 3
  const admit = (id: string, limit: number) =>
    ingress.admit({ partition, lease: { key: 'orders', id, limit } })
  try {
    const asked = admit('a', 0)
    await clock.advance(lapseMs / 3)
    expect(await asked).toEqual({ kind: 'crowded' })
    expect(await admit('b', 1)).toEqual({ kind: 'accepted' })
  } finally {
    await state.close()
  }
})
