import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createRedisState } from '../../state/redis/redis.ts'
import type { Admission, IngressState } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { callEvent, readEvents } from '../contract/harness.ts'
import { describeState } from '../contract/state.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { redisCommand, startRedisServer } from '../support/redis-server.ts'
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

/** What comes of calls that leave together. */
async function outcomesOf(ingress: IngressState, admissions: Admission[]): Promise<string[]> {
  const settled = await Promise.allSettled(admissions.map((one) => ingress.admit(one)))
  return settled.map((one) => {
    if (one.status === 'fulfilled') return one.value.kind
    expect(one.reason).toBeInstanceOf(StateUnavailable)
    return String((one.reason as Error).cause).replace(/^.*\b(WRONGTYPE)\b.*$/s, '$1')
  })
}

test('calls of all partitions leave in one script', async () => {
  const own = await startRedisServer()
  const state = createRedisState({ url: own.url })
  try {
    const ingress = state.ingress('pod')
    expect(await ingress.ready()).toBe(true)
    await redisCommand(own.port, 'CONFIG', 'RESETSTAT')
    const admissions = Array.from({ length: 16 }, (_, partition) => ({ partition, event: callEvent() }))
    expect(new Set(await outcomesOf(ingress, admissions))).toEqual(new Set(['accepted']))
    expect(await redisCommand(own.port, 'INFO', 'commandstats')).toMatch(/cmdstat_evalsha:calls=1,/)
  } finally {
    await state.close()
    await own.close()
  }
})

test('a key that can not be used fails the calls that need it, and no others of their script', async () => {
  const prefix = randomUUID()
  const spoil = (key: string) => redisCommand(server.port, 'SET', `${prefix}:${key}`, 'spoilt')
  await spoil('{p3}:window:orders')
  await spoil('{p5}:backlog')
  await spoil('{p7}:idle')
  const state = createRedisState({ url: server.url, prefix, partitions: 8 })
  try {
    const ingress = state.ingress('pod')
    const throttle = (key: string) => ({ key, requests: 10, windowMs: 60_000 })
    const lease = { key: 'orders', id: 'a', limit: 1 }
    const admissions = [
      { partition: 2, throttle: throttle('orders'), event: callEvent({ id: 'of 2' }) },
      { partition: 3, throttle: throttle('orders'), event: callEvent() },
      { partition: 3, throttle: throttle('bills'), lease, event: callEvent({ id: 'of 3' }) },
      { partition: 5, throttle: throttle('orders'), event: callEvent() },
      { partition: 5, throttle: throttle('orders') },
      // It is stored, and its runners can't be told: what is left open to its caller.
      { partition: 7, event: callEvent({ id: 'of 7' }) },
      { partition: 6, event: callEvent({ id: 'of 6' }) },
    ]
    expect(await outcomesOf(ingress, admissions)).toEqual([
      'accepted',
      'WRONGTYPE',
      'accepted',
      'WRONGTYPE',
      'accepted',
      'WRONGTYPE',
      'accepted',
    ])
    expect(await ingress.admit({ partition: 3, lease: { ...lease, id: 'b' } })).toEqual({ kind: 'crowded' })
    await redisCommand(server.port, 'DEL', `${prefix}:{p7}:idle`, `${prefix}:{p5}:backlog`)
    const deliveries = await readEvents(state.runner('runner'), 4)
    expect(deliveries.map(({ event }) => event.id).toSorted()).toEqual(['of 2', 'of 3', 'of 6', 'of 7'])
  } finally {
    await state.close()
  }
})
