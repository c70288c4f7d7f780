import { describe, expect, test } from '@jest/globals'
import { createKept } from '../../../../ingress/verify/outbound/kept.ts'
import type { Read } from '../../../../ingress/verify/outbound/kept.ts'
import { createManualClock } from '../../../support/manual-clock.ts'

function open(capacity = 100) {
  const clock = createManualClock()
  const get = createKept<string>({ now: () => clock.now(), capacity })
  const reads: string[] = []
  /** What the next reads give. */
  let answer: (key: string) => Read<string> = (key) => found(key)
  const found = (value: string, forMs = 60_000): Read<string> => ({
    fetched: { kind: 'found', value },
    expiresAt: clock.now() + forMs,
  })
  return {
    clock,
    reads,
    found,
    give: (next: typeof answer) => (answer = next),
    get: (key: string, maxAgeMs?: number) =>
      get(key, () => Promise.resolve(answer(key)).finally(() => reads.push(key)), maxAgeMs),
  }
}

const invalid: Read<string> = { fetched: { kind: 'invalid', why: 'no' } }
const unavailable: Read<string> = { fetched: { kind: 'unavailable', why: 'later' } }

test('many ask at the same time, one reads; after that it is there at once', async () => {
  const { get, reads } = open()
  const results = await Promise.all(Array.from({ length: 100 }, async () => await get('a')))
  expect(new Set(results)).toEqual(new Set([{ kind: 'found', value: 'a' }]))
  expect(reads).toEqual(['a'])
  expect(get('a')).toEqual({ kind: 'found', value: 'a' })
})

test('it is read again when its time is over', async () => {
  const { get, reads, clock } = open()
  await get('a')
  await clock.advance(59_999)
  await get('a')
  expect(reads).toEqual(['a'])
  await clock.advance(1)
  await get('a')
  expect(reads).toEqual(['a', 'a'])
})

describe('with a greatest age', () => {
  test('it is read again when it is older, and the newer stays', async () => {
    const { get, reads, clock, give, found } = open()
    await get('a')
    await clock.advance(30_000)
    expect(get('a', 30_000)).toEqual({ kind: 'found', value: 'a' })
    await clock.advance(1)
    give(() => found('new'))
    expect(await get('a', 30_000)).toEqual({ kind: 'found', value: 'new' })
    expect(get('a')).toEqual({ kind: 'found', value: 'new' })
    expect(reads).toEqual(['a', 'a'])
  })

  test('a failure to read it again does not take away what is there', async () => {
    const { get, clock, give } = open()
    await get('a')
    await clock.advance(1_000)
    give(() => unavailable)
    expect(await get('a', 500)).toEqual({ kind: 'unavailable', why: 'later' })
    expect(get('a')).toEqual({ kind: 'found', value: 'a' })
  })
})

describe('a failure', () => {
  test.each([
    ['a no', invalid, 60_000],
    ['no answer', unavailable, 5_000],
  ])('%s is kept for a short time', async (_, failure, keptMs) => {
    const { get, reads, clock, give, found } = open()
    give(() => failure)
    await get('a')
    give(() => found('a'))
    await clock.advance(keptMs - 1)
    expect(await get('a')).toEqual(failure.fetched)
    expect(reads).toEqual(['a'])
    await clock.advance(1)
    expect(await get('a')).toEqual({ kind: 'found', value: 'a' })
  })
})

describe('while it can not be read again', () => {
  const readBefore = async () => {
    const opened = open()
    const { clock, give, get } = opened
    give(() => ({ ...opened.found('a', 10_000), usableUntil: clock.now() + 60_000 }))
    await get('a')
    await clock.advance(10_000)
    return opened
  }

  test('what was read before is used, and it is tried again every five seconds', async () => {
    const { get, reads, clock, give, found } = await readBefore()
    give(() => unavailable)
    expect(await Promise.all([get('a'), get('a')])).toEqual([
      { kind: 'found', value: 'a' },
      { kind: 'found', value: 'a' },
    ])
    expect(get('a')).toEqual({ kind: 'found', value: 'a' })
    expect(reads).toEqual(['a', 'a'])
    await clock.advance(5_000)
    give(() => found('new'))
    expect(await get('a')).toEqual({ kind: 'found', value: 'new' })
  })

  test('but only until its time is over', async () => {
    const { get, clock, give } = await readBefore()
    give(() => unavailable)
    await clock.advance(49_999)
    expect(await get('a')).toEqual({ kind: 'found', value: 'a' })
    await clock.advance(5_000)
    expect(await get('a')).toEqual(unavailable.fetched)
  })

  test('a no ends it at once', async () => {
    const { get, clock, give } = await readBefore()
    give(() => invalid)
    expect(await get('a')).toEqual(invalid.fetched)
    await clock.advance(30_000)
    give(() => unavailable)
    expect(await get('a')).toEqual(invalid.fetched)
    await clock.advance(30_000)
    expect(await get('a')).toEqual(unavailable.fetched)
  })
})

describe('over its capacity', () => {
  test('what was not asked for the longest time goes', async () => {
    const { get, reads } = open(2)
    await get('a')
    await get('b')
    await get('a')
    await get('c')
    expect(get('a')).toEqual({ kind: 'found', value: 'a' })
    expect(reads).toEqual(['a', 'b', 'c'])
    await get('b')
    expect(reads).toEqual(['a', 'b', 'c', 'b'])
  })

  test('a flood of failures pushes out nothing that is in use', async () => {
    const { get, reads, give } = open(2)
    await get('a')
    give(() => invalid)
    for (let i = 0; i < 50; i++) await get(`flood-${i}`)
    expect(get('a')).toEqual({ kind: 'found', value: 'a' })
    expect(reads.filter((key) => key === 'a')).toHaveLength(1)
  })
})

test('that there was no room is not kept: it is no fault of what was asked for', async () => {
  const { get, reads, give, found } = open()
  give(() => ({ ...unavailable, isPassing: true }))
  expect(await get('a')).toEqual({ kind: 'unavailable', why: 'later' })
  give(found)
  expect(await get('a')).toEqual({ kind: 'found', value: 'a' })
  expect(reads).toEqual(['a', 'a'])
})
