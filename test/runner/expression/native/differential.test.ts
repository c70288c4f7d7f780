import { randomInt } from 'node:crypto'
import { afterAll, expect, test } from '@jest/globals'
import { createJq } from '../../../../runner/expression/jq.ts'
import { compareCases } from './differential.ts'

const jq = createJq({ timeLimitMs: 20_000, maxOutput: 64 * 1024 * 1024 })
afterAll(() => jq.close())

test('what is evaluated natively is what jq gives', async () => {
  // A failure names its seed.
  const report = await compareCases(jq, { cases: 1500, seed: randomInt(2 ** 31) })
  // The cases are about something: most are evaluated natively, and some have an error that is jq's.
  expect(report.native).toBeGreaterThan(report.cases / 3)
  expect(report.failed).toBeGreaterThan(report.cases / 20)
}, 120_000)
