import { expect, test } from '@jest/globals'
import { createRouteSink } from '../../../ingress/routes/sink.ts'
import { createRouteTable } from '../../../ingress/routes/table.ts'
import type { Route } from '../../../ingress/route.ts'
import { routeOf } from '../support.ts'

const route = ({ name, token }: { name: string; token: string }): Route => routeOf(name, { token })
const held = 'a'.repeat(32)
const free = 'b'.repeat(32)

function site() {
  const table = createRouteTable()
  const sink = createRouteSink(table)
  const holder = (token: string): string | undefined => table.find(token)?.webhook.name
  return { sink, holder }
}

test('a route waits for its token, and is served as soon as the holder is gone', () => {
  const { sink, holder } = site()
  sink.put(route({ name: 'old', token: held }))
  expect(() => sink.put(route({ name: 'new', token: held }))).toThrow('waits for its token')
  expect(holder(held)).toBe('old')
  sink.remove({ namespace: 'shop', name: 'old' })
  expect(holder(held)).toBe('new')
})

test('or has another token', () => {
  const { sink, holder } = site()
  sink.put(route({ name: 'old', token: held }))
  expect(() => sink.put(route({ name: 'new', token: held }))).toThrow()
  sink.put(route({ name: 'old', token: free }))
  expect([holder(held), holder(free)]).toEqual(['new', 'old'])
})

test('one that was removed, or changed, while it waited does not come back', () => {
  const { sink, holder } = site()
  sink.put(route({ name: 'old', token: held }))
  expect(() => sink.put(route({ name: 'removed', token: held }))).toThrow()
  expect(() => sink.put(route({ name: 'changed', token: held }))).toThrow()
  sink.remove({ namespace: 'shop', name: 'removed' })
  sink.put(route({ name: 'changed', token: free }))
  sink.remove({ namespace: 'shop', name: 'old' })
  expect([holder(held), holder(free)]).toEqual([undefined, 'changed'])
})
