import { afterEach, beforeEach } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { startRedisServer } from '../support/redis-server.ts'

/** A redis-server of its own for each test, and the states that it opens there; all of it is closed at the test's end. */
export interface RedisLab {
  readonly server: RedisServer
  open(options: Partial<RedisStateOptions>): RedisState
}

/** A server that keeps what it has answered over a restart. */
export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

/** To be called once in a file, outside of its tests. */
export function redisLab(args: string[]): RedisLab {
  let server: RedisServer
  const states: RedisState[] = []

  beforeEach(async () => {
    server = await startRedisServer(args)
  })
  afterEach(async () => {
    await Promise.all(states.splice(0).map((state) => state.close()))
    await server.close()
  })

  return {
    get server() {
      return server
    },
    open(options) {
      const state = createRedisState({ url: server.url, ...options })
      states.push(state)
      return state
    },
  }
}
