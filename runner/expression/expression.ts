/**
 * The expression language of Hooklet: jq 1.8 in `${ … }`. Types only; `template.ts` compiles, `pool.ts`
 * evaluates.
 */
import type { Json } from '../../state/event.ts'

/**
 * A jq program over `.` and named variables, known to be closed: it can't reach `$ENV`, files, `input` or
 * halt jq.
 */
export interface Program {
  jq: string
  /** The variables that it reads, without `$`, sorted. Only these are passed. */
  variables: string[]
}

/** A field of a manifest that may hold expressions: either known now, or computed when its turn comes. */
export type Value = { literal: Json } | Program

/** What a program may not do, or how it failed; `message` is one sentence for the author of the workflow. */
export class ExpressionError extends Error {
  override name = 'ExpressionError'
}

export type Variables = Record<string, Json>

/** Evaluates programs, bounded in time and memory. */
export interface Expressions {
  /**
   * The program's only output: null when there is none. Rejects with {@link ExpressionError} on a jq error,
   * on more than one output, over the time limit, or over the memory or output limit; never takes the process
   * down.
   */
  evaluate(program: Program, input: Json, variables: Variables): Promise<Json>
  /** Compiles each program without running it; one message or undefined per program, in order. */
  check(programs: Program[]): Promise<(string | undefined)[]>
  close(): Promise<void>
}
