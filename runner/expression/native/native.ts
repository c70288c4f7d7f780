/**
 * Evaluates simple programs in the runner's own thread, compiled into closures: a thousandth of what a jq
 * program costs in its worker. It never reports an error: whatever is not certain, jq's errors among it, is
 * left to jq.
 */
import type { Json } from '../../../state/event.ts'
import type { Program, Variables } from '../expression.ts'
import { ONLY } from '../template.ts'
import { single } from './compile.ts'
import type { Single } from './compile.ts'
import { Meter } from './meter.ts'
import { LeftToJq } from './node.ts'
import { parse } from './parse.ts'
import { checkOutput } from './values.ts'

/** What one evaluation may do at most: some milliseconds. */
const MAX_WORK = 50_000

/** The value, or undefined when jq is to evaluate; and how much work it was. */
export interface Attempt {
  value: Json | undefined
  work: number
}

export type Native = (input: Json, variables: Variables) => Attempt

/** Undefined for a program that only jq can evaluate. Outputs have at most `maxOutput` characters of JSON. */
export function compileNative({ jq }: Program, maxOutput: number): Native | undefined {
  const evaluate = compile(jq)
  if (!evaluate) return undefined
  return (input, variables) => {
    const meter = new Meter(MAX_WORK)
    const value = attempt(() => {
      const output = evaluate(input, { variables, meter })
      checkOutput(output, maxOutput, meter)
      return output
    })
    return { value, work: meter.spent }
  }
}

function compile(jq: string): Single | undefined {
  const template = jq.startsWith(ONLY)
  const text = template ? jq.slice(ONLY.length) : jq
  return attempt(() => single({ kind: 'only', of: parse(text, { template }) }))
}

/**
 * Undefined when it is left to jq. That it recurses too deep, or writes too long a text, is as good a reason.
 */
function attempt<Result>(act: () => Result): Result | undefined {
  try {
    return act()
  } catch (error) {
    if (error instanceof LeftToJq || error instanceof RangeError) return undefined
    throw error
  }
}
