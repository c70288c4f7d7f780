import { describe, expect, test } from '@jest/globals'
import { median, probabilityLarger, standardError } from '../../bench/timing/statistics.ts'

describe('the probability that one sample is larger than another', () => {
  test.each<[string, number[], number[], number]>([
    ['all larger', [1, 2, 3], [4, 5, 6], 1],
    ['all smaller', [4, 5, 6], [1, 2, 3], 0],
    ['the same', [1, 2, 3], [1, 2, 3], 0.5],
    ['all ties', [1, 1], [1, 1, 1], 0.5],
    // Of the nine pairs five are larger, one is a tie.
    ['mixed', [1, 4, 6], [2, 4, 9], 5.5 / 9],
    ['an outlier is one value', [1, 2, 3, 4], [1, 2, 3, 1e9], 8.5 / 16],
  ])('%s', (_, a, b, expected) => {
    expect(probabilityLarger(a, b)).toBeCloseTo(expected, 12)
    expect(probabilityLarger(b, a)).toBeCloseTo(1 - expected, 12)
  })
})

test('the median of an even number is the upper one', () => {
  expect([median([3, 1, 2]), median([4, 1, 3, 2])]).toEqual([2, 3])
})

test('the standard error shrinks with the samples', () => {
  expect(standardError(4_000, 4_000)).toBeCloseTo(0.0064554, 7)
})
