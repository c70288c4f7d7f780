import { randomFillSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { createIds } from '../../ingress/ids.ts'

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('an id is a UUID of version 7 that begins with its time', () => {
  let ms = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
  const newId = createIds({ now: () => ms, random: randomFillSync })
  const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
  const first = newId()
  expect(first).toMatch(FORM)
  expect(timeOf(first)).toBe(ms)
  ms += 1
  expect(timeOf(newId())).toBe(ms)
  expect(newId() > first).toBe(true)
})

test('no id comes twice, however many there are, and every digit of it takes every value', () => {
  const newId = createIds({ now: () => 0, random: randomFillSync })
  const ids = Array.from({ length: 10_000 }, newId)
  expect(ids.filter((id) => !FORM.test(id))).toEqual([])
  expect(new Set(ids).size).toBe(ids.length)
  for (let place = 15; place < 36; place += 1) {
    const values = new Set(ids.map((id) => id[place])).size
    expect([place, values]).toEqual([place, place === 19 ? 4 : place === 18 || place === 23 ? 1 : 16])
  }
})

test('what is random about an id comes from its source alone, and no part of it is used again', () => {
  let fetched = 0
  const newId = createIds({
    now: () => 0x0123_4567_89ab,
    random: (bytes) => bytes.forEach((_, at) => (bytes[at] = (fetched += 7) & 0xff)),
  })
  expect(newId()).toBe('01234567-89ab-7070-951c-32a31383f464')
  expect(newId()).toBe('01234567-89ab-7d54-b626-70777e858c93')
})
