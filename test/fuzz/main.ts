/**
 * `node test/fuzz/main.ts [--cases 100000] [--seed N]`: the seed of a run that failed makes the same cases
 * again.
 */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { fuzz } from './fuzz.ts'

const { values } = parseArgs({
  options: { cases: { type: 'string', default: '100000' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? randomInt(2 ** 31))
process.stderr.write(`seed ${seed}\n`)
const start = performance.now()
const report = await fuzz({ cases: Number(values.cases), seed })
const seconds = Math.round((performance.now() - start) / 1000)
process.stdout.write(`${JSON.stringify({ ...report, seconds })}\n`)
