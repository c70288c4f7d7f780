/** Holds native evaluation against jq. */
import fc from 'fast-check'
import type { Expressions } from '../../../../runner/expression/expression.ts'
import { compileNative } from '../../../../runner/expression/native/native.ts'
import { compileExpression } from '../../../../runner/expression/template.ts'
import { anyCase } from './generate.ts'
import { askJq } from './oracle.ts'
import type { Case, Verdict } from './oracle.ts'

const CASES_PER_PROGRAM = 40
export const MAX_OUTPUT = 1024 * 1024

export interface Report {
  cases: number
  /** Those whose program was compiled natively, and those that were natively evaluated. */
  compiled: number
  native: number
  /** What jq had an error for. */
  failed: number
}

/** Makes cases and throws for the first, and smallest, in which native evaluation gives what jq does not. */
export async function compareCases(
  jq: Expressions,
  { cases, seed }: { cases: number; seed: number },
): Promise<Report> {
  const report: Report = { cases: 0, compiled: 0, native: 0, failed: 0 }
  const batch = fc.array(anyCase, { minLength: 1, maxLength: CASES_PER_PROGRAM, size: 'max' })
  const result = await fc.check(
    fc.asyncProperty(batch, async (made) => {
      const verdicts = await askJq(jq, made)
      for (const [at, one] of made.entries()) compare(one, verdicts[at] ?? 'failed', report)
    }),
    // A batch holds half of them on average.
    { numRuns: Math.ceil((2 * cases) / CASES_PER_PROGRAM), seed },
  )
  if (result.failed) throw new Error(`seed ${seed}: ${String(result.errorInstance)}`)
  return report
}

function compare(one: Case, verdict: Verdict, report: Report): void {
  report.cases += 1
  if (verdict === 'failed') report.failed += 1
  const evaluate = compileNative(compileExpression(one.text), MAX_OUTPUT)
  if (!evaluate) return
  report.compiled += 1
  const { value } = evaluate(one.input, one.variables)
  if (value === undefined) return
  report.native += 1
  // As text: the order of keys counts, and -0 does not, which JSON has not.
  const expected = verdict === 'failed' ? 'an error' : JSON.stringify(verdict.output)
  const given = JSON.stringify(value)
  if (given !== expected)
    throw new Error(`${one.text}\n  on ${JSON.stringify(one)}\n  is natively ${given}, by jq ${expected}`)
}
