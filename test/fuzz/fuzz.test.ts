import { randomInt } from 'node:crypto'
import { expect, jest, test } from '@jest/globals'
import { fuzz } from './fuzz.ts'

jest.setTimeout(120_000)

/** `npm run fuzz` runs 100,000. */
const CASES = 10_000

test(`${CASES} connections with anything on them: no 500, no crash, and good calls go on`, async () => {
  const seed = randomInt(2 ** 31)
  process.stderr.write(`fuzz: seed ${seed}\n`)
  const { cases, statuses } = await fuzz({ cases: CASES, seed })
  expect(cases).toBe(CASES)
  // The cases come past every kind of door; what fewer than one case in a thousand meets is left out.
  for (const status of [101, 200, 400, 401, 404, 413, 414, 415, 417, 426, 429, 431, 501, 503])
    expect(statuses).toHaveProperty([String(status)])
})
