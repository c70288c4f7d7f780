import { expect, test } from '@jest/globals'
import { createPlaces, flowOf, webhookOf } from '../../state/rooms.ts'

const slow = flowOf({ namespace: 'a', name: 'slow' })
const other = flowOf({ namespace: 'a', name: 'other' })
const quick = flowOf({ namespace: 'b', name: 'quick' })

test('places are taken of the Webhook and of its namespace', () => {
  const places = createPlaces({ namespace: 2, webhook: 2, named: new Map([[other, 1]]) })
  const free = (): boolean[] => [slow, other, quick].map((flow) => places.isFree(flow))
  expect(free()).toEqual([true, true, true])
  places.take(other)
  expect(free()).toEqual([true, false, true])
  places.take(slow)
  expect(free()).toEqual([false, false, true])
  places.take(undefined)
  expect(places.isFree(undefined)).toBe(true)
})

test('without rooms there is no bound', () => {
  const places = createPlaces()
  for (let each = 0; each < 10; each += 1) places.take(slow)
  expect(places.isFree(slow)).toBe(true)
})

test('a Webhook is found by its name', () => {
  expect(webhookOf(slow)).toEqual({ namespace: 'a', name: 'slow' })
  expect(webhookOf('')).toBeUndefined()
})
