/** jq itself: evaluates programs in worker threads, each bounded in time, memory and output. */
import type { Counts } from '../../process/counts.ts'
import type { Json } from '../../state/event.ts'
import { MAX_JSON_DEPTH, isWithinDepth } from './depth.ts'
import { ExpressionError } from './expression.ts'
import type { Expressions, Program, Variables } from './expression.ts'
import type { Job } from '../threads/messages.ts'
import { WorkerPool } from '../threads/worker-pool.ts'
import type { JobEnd } from '../threads/worker-pool.ts'

export interface JqOptions {
  /**
   * How many evaluate at the same time, one at least; with a single one a runaway holds up all others for its
   * time. Default 2.
   */
  workers?: number
  /** How long one evaluation may take once it has begun, in milliseconds. Default 1000. */
  timeLimitMs?: number
  /** How large an output may be, in characters of JSON. Default 1 MiB. */
  maxOutput?: number
  /** How many evaluations may wait. Default 10,000. */
  maxQueue?: number
}

/** Expressions, and how those that went to a thread fared. */
export interface MeasuredExpressions extends Expressions {
  readonly ends: Counts<JobEnd>
  /** How many wait for a thread. */
  readonly waiting: number
}

/** Starts no worker before the first evaluation. */
export function createJq(options: JqOptions = {}): MeasuredExpressions {
  const { timeLimitMs = 1000, maxOutput = 1024 * 1024 } = options
  const pool = new WorkerPool(new URL('./worker.ts', import.meta.url), {
    workers: Math.max(1, options.workers ?? 2),
    timeLimitMs,
    maxQueue: options.maxQueue ?? 10_000,
  })

  async function run(job: Job): Promise<string> {
    const result = await pool.run(job)
    switch (result.kind) {
      case 'output':
        return result.text
      case 'failed':
        throw new ExpressionError(readFailure(result.text))
      case 'aborted':
        throw new ExpressionError('the expression needs too much memory or nests too deep')
      case 'timeout':
        throw new ExpressionError(`the expression took longer than ${timeLimitMs} ms`)
      case 'refused':
        throw new ExpressionError('too many expressions wait to be evaluated')
      case 'stopped':
        throw new ExpressionError('the evaluation of expressions has been stopped')
    }
  }

  async function compileOnly({ jq, variables }: Program): Promise<string | undefined> {
    const bindings = variables.map((name) => `null as $${name} | `).join('')
    try {
      await run({ program: `${bindings}if . then (\n${jq}\n) else "" end`, input: 'null' })
      return undefined
    } catch (error) {
      if (error instanceof ExpressionError) return error.message
      throw error
    }
  }

  return {
    async evaluate(program, input, variables) {
      const text = await run({
        program: wrap(program, maxOutput),
        input: writeInput(program, input, variables),
      })
      return readOutput(text)
    },
    async check(programs) {
      const messages: (string | undefined)[] = []
      for (const program of programs) messages.push(await compileOnly(program))
      return messages
    },
    close: () => pool.close(),
    ends: pool.ends,
    get waiting() {
      return pool.waiting
    },
  }
}

/**
 * Each variable is bound from the input, then the program's outputs (two tell enough) leave as one text of
 * bounded length.
 */
function wrap({ jq, variables }: Program, maxOutput: number): string {
  const bindings = variables.map((name) => `.variables.${name} as $${name} | `).join('')
  return `${bindings}.input | [limit(2; (
${jq}
))] | tojson | if length > ${maxOutput + 2} then error("the output is larger than ${maxOutput} characters") else . end`
}

function writeInput(program: Program, input: Json, variables: Variables): string {
  const read: Variables = {}
  for (const name of program.variables)
    read[name] = Object.hasOwn(variables, name) ? (variables[name] ?? null) : null
  const document = { input, variables: read }
  try {
    const text = JSON.stringify(document)
    // jq refuses half of a surrogate pair, which JavaScript's strings may hold.
    return /\\ud[89a-f]/.test(text) ? JSON.stringify(document, wellFormed) : text
  } catch {
    throw new ExpressionError('the input nests too deep')
  }
}

function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), item]))
}

function readOutput(text: string): Json {
  const outputs = JSON.parse(text) as Json[]
  if (outputs.length > 1)
    throw new ExpressionError('the expression gives more than one value: wrap it in [ ]')
  const output = outputs[0] ?? null
  if (!isWithinDepth(output)) throw new ExpressionError(`the output nests more than ${MAX_JSON_DEPTH} deep`)
  return output
}

/** jq's own words without its name, its place in the wrapped program, and the program's text. */
function readFailure(text: string): string {
  const [line = ''] = text.split(/\n {4}|\njq: \d+ compile error/, 1)
  const sentence = line
    .replace(/^jq: (?:parse )?error(?: \(at [^)]*\))?(?: \(not a string\))?:? ?/, '')
    .replace(/ at <top-level>, line \d+, column \d+:?$/, '')
    .trim()
  return sentence === '' ? 'the expression failed' : sentence.slice(0, 500)
}
