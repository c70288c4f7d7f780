import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import type { Hands } from '../../runner/hands.ts'
import { createHands } from '../../runner/hands.ts'
import type { WebhookRef } from '../../state/rooms.ts'
import { flowOf, roomFor } from '../../state/rooms.ts'

const webhook = (namespace: string, name = 'hook'): WebhookRef => ({ namespace, name })

/** For how many of it there is room, to who takes any number. */
function roomOf(hands: Hands, of: WebhookRef): number {
  const rooms = hands.rooms(hands.free)
  return rooms === undefined ? hands.free : roomFor(flowOf(of), rooms)
}

/** Takes as long as there is room, one after the other. */
function fill(hands: Hands, of: WebhookRef): number {
  let taken = 0
  for (; roomOf(hands, of) > 0; taken += 1) hands.take(of)
  return taken
}

test('of 320 hands a Webhook alone has 256, and a namespace with several of them 285', () => {
  const hands = createHands(320)
  expect(fill(hands, webhook('a', 'one'))).toBe(256)
  expect(fill(hands, webhook('a', 'two')) + fill(hands, webhook('a', 'three'))).toBe(285 - 256)
  expect(hands.busy).toBe(285)
  expect(hands.mostOfOne).toBe(285)
})

test('as many are told at once as could be taken one after the other', () => {
  for (const total of [1, 2, 5, 10, 64, 320]) {
    const hands = createHands(total)
    const told = roomOf(hands, webhook('a'))
    expect(fill(hands, webhook('a'))).toBe(told)
  }
})

test('tenants whose runs do not end leave room for one more, each time for less', () => {
  const hands = createHands(320)
  const taken = Array.from({ length: 4 }, (_, nth) => fill(hands, webhook(`tenant-${nth}`)))
  expect(taken).toEqual([256, 52, 10, 2])
  // When all hands are busy, those that are given back go to who has few.
  for (let each = 0; each < 5; each += 1) hands.giveBack(webhook('tenant-0'))
  expect(roomOf(hands, webhook('tenant-0'))).toBe(0)
  expect(fill(hands, webhook('tenant-4'))).toBe(4)
})

test('tenants that have work all the time come to have as many hands each', () => {
  const hands = createHands(320)
  const tenants = Array.from({ length: 4 }, (_, nth) => webhook(`tenant-${nth}`))
  const held = new Map(tenants.map((tenant) => [tenant, fill(hands, tenant)]))
  // Each time one run of each ends, and what there is room for begins.
  for (let round = 0; round < 500; round += 1)
    for (const tenant of tenants) {
      if ((held.get(tenant) ?? 0) > 0) {
        hands.giveBack(tenant)
        held.set(tenant, (held.get(tenant) ?? 0) - 1)
      }
      for (const one of tenants) held.set(one, (held.get(one) ?? 0) + fill(hands, one))
    }
  const counts = [...held.values()]
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4)
})

test('nobody is bounded while few hands are busy', () => {
  const hands = createHands(320)
  for (let each = 0; each < 180; each += 1) hands.take(webhook('a'))
  expect(hands.rooms(64)).toBeUndefined()
})

test('however hands are taken and given back, whoever has none gets a free one', () => {
  const acts = fc.array(fc.record({ tenant: fc.nat(9), hook: fc.nat(3), back: fc.boolean() }), {
    maxLength: 400,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), acts, (total, all) => {
      const hands = createHands(total)
      const held: WebhookRef[] = []
      for (const { tenant, hook, back } of all) {
        const of = webhook(`tenant-${tenant}`, `hook-${hook}`)
        const at = held.findIndex((one) => flowOf(one) === flowOf(of))
        if (back && at >= 0) hands.giveBack(held.splice(at, 1)[0])
        else if (!back && roomOf(hands, of) > 0) {
          held.push(of)
          hands.take(of)
        }
        expect(hands.busy).toBe(held.length)
        expect(hands.free).toBe(total - held.length)
        if (hands.free > 0) expect(roomOf(hands, webhook('nobody'))).toBeGreaterThan(0)
      }
      for (const of of held) hands.giveBack(of)
      expect([hands.busy, hands.mostOfOne]).toEqual([0, 0])
    }),
  )
})
