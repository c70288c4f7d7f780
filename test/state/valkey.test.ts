import { afterAll, beforeAll } from '@jest/globals'
import { describeState } from '../contract/state.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { redisHarness } from './redis-harness.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedisServer([], [], process.env['HOOKLET_VALKEY_SERVER'] ?? 'valkey-server')
})
afterAll(() => server.close())

describeState(
  'Redis state on Valkey',
  redisHarness(() => ({ ports: [server.port], cluster: false })),
)
