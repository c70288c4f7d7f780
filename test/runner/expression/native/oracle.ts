/**
 * jq's own word on many cases at once: a program of its own for each would take as long as a hundred in one.
 */
import { compileExpression } from '../../../../runner/expression/template.ts'
import type { Expressions, Variables } from '../../../../runner/expression/expression.ts'
import type { Json } from '../../../../state/event.ts'

export interface Case {
  text: string
  input: Json
  variables: Variables
}

/**
 * What jq gives, as the pool would: the only output, null for none; `failed` for errors and for more than
 * one.
 */
export type Verdict = { output: Json } | 'failed'

/** The cases must be right jq: one that does not compile fails all. */
export async function askJq(jq: Expressions, cases: Case[]): Promise<Verdict[]> {
  const judged = cases.map(({ text, variables }, at) => {
    const bindings = Object.keys(variables).map((name) => `$cases[${at}].variables.${name} as $${name} | `)
    const program = compileExpression(text).jq
    return `(try (${bindings.join('')}$cases[${at}].input | [limit(2; (\n${program}\n))] | tojson) catch null)`
  })
  const program = compileExpression(`. as $cases | [${judged.join(', ')}]`)
  const verdicts = (await jq.evaluate(program, cases as unknown as Json, {})) as (string | null)[]
  return verdicts.map((outputs) => {
    const [output = null, second] = outputs === null ? [null, null] : (JSON.parse(outputs) as Json[])
    return outputs === null || second !== undefined ? 'failed' : { output }
  })
}
