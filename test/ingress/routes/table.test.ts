import { describe, expect, test } from '@jest/globals'
import { partitionOf } from '../../../ingress/routes/partition.ts'
import { prepareRoute, throttleOf } from '../../../ingress/routes/served.ts'
import { createRouteTable } from '../../../ingress/routes/table.ts'
import { routeOf, sha256 } from '../support.ts'

describe('the table of routes', () => {
  test('finds a route by its token and nothing by its name, id or a part of the token', () => {
    const table = createRouteTable()
    const route = routeOf('orders')
    expect(table.put(route)).toBe(true)
    expect(table.find(route.token)?.webhook).toEqual({ namespace: 'shop', name: 'orders' })
    for (const other of ['orders', route.uid, route.token.slice(0, -1), `${route.token}0`, '', '__proto__']) {
      expect(table.find(other)).toBeUndefined()
    }
  })

  test('a new form of a webhook takes the place of the former one, under a new token too', () => {
    const table = createRouteTable()
    table.put(routeOf('orders', { token: 'first-token-of-the-orders' }))
    table.put(routeOf('orders', { token: 'second-token-of-the-orders', path: 'Exact' }))
    expect(table.find('first-token-of-the-orders')).toBeUndefined()
    expect(table.find('second-token-of-the-orders')?.exact).toBe(true)
    expect(table.size).toBe(1)
  })

  test('the token of one webhook is not taken over by another', () => {
    const table = createRouteTable()
    const held = routeOf('orders')
    table.put(held)
    expect(table.put(routeOf('thief', { token: held.token }))).toBe(false)
    expect(table.find(held.token)?.webhook.name).toBe('orders')
    expect(table.remove({ namespace: 'shop', name: 'thief' })).toBe(false)
    expect(table.remove({ namespace: 'shop', name: 'orders' })).toBe(true)
    expect(table.find(held.token)).toBeUndefined()
    expect(table.put(routeOf('thief', { token: held.token }))).toBe(true)
  })

  test('a route that can not be served leaves the former one in place', () => {
    const table = createRouteTable()
    const route = routeOf('orders')
    table.put(route)
    expect(() => table.put({ ...route, version: 2 as 1 })).toThrow(TypeError)
    expect(() => table.put({ ...route, auth: { basic: 'user:password' } })).toThrow(TypeError)
    expect(() => table.put({ ...route, auth: { bearer: [sha256('a'), ''] } })).toThrow(TypeError)
    expect(table.find(route.token)?.credentials).toBeUndefined()
  })
})

describe('what routes answer alike', () => {
  const table = createRouteTable()
  const answersOf = (name: string, part: Parameters<typeof routeOf>[1] = {}) => {
    const route = routeOf(name, { token: `token-of-${name}-0123456789`, ...part })
    table.put(route)
    const { policy, answer, output, timeoutAnswer } = table.find(route.token) ?? {}
    return { policy, answer, output, timeoutAnswer }
  }

  test('is one, whichever route it is of', () => {
    const [first, second] = [answersOf('orders'), answersOf('invoices', { namespace: 'bank' })]
    expect(second.answer).toBe(first.answer)
    expect(second.policy).toBe(first.policy)
    expect(second.output).toBe(first.output)
    expect(second.timeoutAnswer).toBe(first.timeoutAnswer)
  })

  test('and is each its own where they differ, however many there are', () => {
    for (let nth = 0; nth < 2_500; nth += 1) {
      const body = `{"nth":${nth}}`
      expect(answersOf('many', { response: { body } }).answer?.body).toBe(body)
    }
    const long = ['a', 'b'].map((end) => 'x'.repeat(10_000) + end)
    for (const body of long) expect(answersOf('long', { response: { body } }).answer?.body).toBe(body)
    const slower = answersOf('slower', { limits: { rate: { requests: 5 } } })
    expect(slower.policy).not.toEqual(answersOf('orders').policy)
    expect(slower.answer).toEqual(answersOf('orders').answer)
  })
})

describe('the partition of a route', () => {
  test('is within bounds, stable, and spreads names', () => {
    const counts = Array.from({ length: 64 }, () => 0)
    for (let i = 0; i < 6400; i++) {
      const partition = partitionOf(`webhook:shop/hook-${i}`, 64)
      counts[partition] = (counts[partition] ?? NaN) + 1
    }
    expect(Math.min(...counts)).toBeGreaterThan(40)
    expect(Math.max(...counts)).toBeLessThan(180)
    // FNV-1a's published vector for "foobar".
    expect(partitionOf('foobar', 2 ** 32)).toBe(0xbf9cf968)
  })

  test('per: Webhook follows the name, whatever else changes', () => {
    const first = prepareRoute(routeOf('orders'), { partitions: 64 })
    const second = prepareRoute(
      routeOf('orders', { token: 'another-token-0123456789', limits: { rate: { requests: 5 } } }),
      { partitions: 64 },
    )
    expect(second.partition).toBe(first.partition)
    expect(second.throttle.key).toBe(first.throttle.key)
    expect(second.places.key).toBe(first.places.key)
  })

  test('C03 per: ClientIP is one window a caller over the webhooks of a namespace with the same setting', () => {
    const rate = { requests: 300, windowMs: 300_000, per: 'ClientIP' } as const
    const a = prepareRoute(routeOf('a', { limits: { rate } }), { partitions: 64 })
    const b = prepareRoute(routeOf('b', { limits: { rate } }), { partitions: 64 })
    const slower = prepareRoute(routeOf('c', { limits: { rate: { ...rate, requests: 5 } } }), {
      partitions: 64,
    })
    const elsewhere = prepareRoute(routeOf('a', { namespace: 'bank', limits: { rate } }), { partitions: 64 })
    expect(b.partition).toBe(a.partition)
    expect(throttleOf(b, '192.0.2.1')).toEqual(throttleOf(a, '192.0.2.1'))
    const keys = [a, slower, elsewhere].map((route) => throttleOf(route, '192.0.2.1').key)
    expect(new Set([...keys, throttleOf(a, '192.0.2.2').key]).size).toBe(4)
    expect(b.places.key).not.toBe(a.places.key)
  })
})
