/**
 * `node test/runner/expression/native/main.ts [--cases 200000] [--seed N]`: a long comparison of native
 * evaluation with jq.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createJq } from '../../../../runner/expression/jq.ts'
import { compareCases } from './differential.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '200000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? randomInt(2 ** 31))
process.stderr.write(`seed ${seed}\n`)
const jq = createJq({ timeLimitMs: 60_000, maxOutput: 64 * 1024 * 1024 })
const start = performance.now()
try {
  const report = await compareCases(jq, { cases: Number(values.cases), seed })
  const seconds = Math.round((performance.now() - start) / 1000)
  process.stdout.write(`${JSON.stringify({ ...report, seconds })}\n`)
} finally {
  await jq.close()
}
