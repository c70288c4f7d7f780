import { expect, test } from '@jest/globals'
import { durationMs, MAX_DURATION_MS, toMilliseconds } from '../../runner/duration.ts'
import type { Json } from '../../state/event.ts'

test.each<[Json, number | undefined]>([
  ['PT30S', 30_000],
  ['P1W', 604_800_000],
  ['P1W2DT3H4M5.678S', 604_800_000 + 2 * 86_400_000 + 3 * 3_600_000 + 4 * 60_000 + 5_678],
  ['PT0.5H', 1_800_000],
  ['PT0S', 0],
  ['P', undefined],
  ['PT', undefined],
  ['P1DT', undefined],
  ['P1Y', undefined],
  ['P1M', undefined],
  ['30s', undefined],
  ['-PT1S', undefined],
  [{ seconds: 30 }, 30_000],
  [{ days: 1, hours: 2, minutes: 3, seconds: 4, milliseconds: 5 }, 93_784_005],
  [{ seconds: 0.25 }, 250],
  [{}, undefined],
  [{ weeks: 1 }, undefined],
  [{ seconds: -1 }, undefined],
  [{ seconds: '1' }, undefined],
  [{ toString: 1 }, undefined],
  [[], undefined],
  [30, undefined],
  [null, undefined],
])('%j', (value, ms) => {
  expect(durationMs(value)).toBe(ms)
  expect(toMilliseconds(value)).toBe(ms)
})

test('what is longer than a year is known as a duration, and nothing to wait', () => {
  expect(toMilliseconds('P366D')).toBe(MAX_DURATION_MS)
  expect(durationMs('P367D')).toBe(367 * 86_400_000)
  expect(toMilliseconds('P367D')).toBeUndefined()
  expect(toMilliseconds({ days: 366, milliseconds: 1 })).toBeUndefined()
})
