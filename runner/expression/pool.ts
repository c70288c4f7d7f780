/** Evaluates jq programs in worker threads, each bounded in time, memory and output. */
import { Worker } from 'node:worker_threads'
import type { Json } from '../../state/event.ts'
import { MAX_JSON_DEPTH, isWithinDepth } from './depth.ts'
import { ExpressionError } from './expression.ts'
import type { Expressions, Program, Variables } from './expression.ts'
import type { Job, Message, Outcome } from './messages.ts'

export interface PoolOptions {
  /** How many evaluate at the same time; two at least, so that one runaway does not stop the others. Default 2. */
  workers?: number
  /** How long one evaluation may take once it has begun, in milliseconds. Default 1000. */
  timeLimitMs?: number
  /** How large an output may be, in characters of JSON. Default 1 MiB. */
  maxOutput?: number
  /** How many evaluations may wait. Default 10,000. */
  maxQueue?: number
}

/** WebAssembly memory does not shrink: a worker is replaced after as many evaluations. */
const EVALUATIONS_PER_WORKER = 20_000

interface Ticket {
  job: Job
  settle(outcome: Outcome): void
  fail(error: ExpressionError): void
}

interface Seat {
  worker: Worker
  ready: boolean
  ticket?: Ticket | undefined
  deadline?: NodeJS.Timeout | undefined
  evaluations: number
}

/** Starts no worker before the first evaluation. */
export function createExpressionPool(options: PoolOptions = {}): Expressions {
  const pool = new Pool({
    workers: Math.max(1, options.workers ?? 2),
    timeLimitMs: options.timeLimitMs ?? 1000,
    maxQueue: options.maxQueue ?? 10_000,
  })
  const maxOutput = options.maxOutput ?? 1024 * 1024
  return {
    async evaluate(program, input, variables) {
      const text = await pool.run({
        program: wrap(program, maxOutput),
        input: writeInput(program, input, variables),
      })
      return readOutput(text)
    },
    async check(programs) {
      const messages: (string | undefined)[] = []
      for (const program of programs) messages.push(await compileOnly(pool, program))
      return messages
    },
    close: () => pool.close(),
  }
}

/** Each variable is bound from the input, then the program's outputs (two tell enough) leave as one text of bounded length. */
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

async function compileOnly(pool: Pool, { jq, variables }: Program): Promise<string | undefined> {
  const bindings = variables.map((name) => `null as $${name} | `).join('')
  try {
    await pool.run({ program: `${bindings}if . then (\n${jq}\n) else "" end`, input: 'null' })
    return undefined
  } catch (error) {
    if (error instanceof ExpressionError) return error.message
    throw error
  }
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

class Pool {
  readonly #limits: { workers: number; timeLimitMs: number; maxQueue: number }
  readonly #seats = new Set<Seat>()
  readonly #queue: Ticket[] = []
  readonly #leaving = new Set<Promise<unknown>>()
  #closed = false

  constructor(limits: { workers: number; timeLimitMs: number; maxQueue: number }) {
    this.#limits = limits
  }

  /** The program's output as text. */
  async run(job: Job): Promise<string> {
    if (this.#closed) throw new ExpressionError('the evaluation of expressions has been stopped')
    if (this.#queue.length >= this.#limits.maxQueue)
      throw new ExpressionError('too many expressions wait to be evaluated')
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      this.#queue.push({ job, settle: resolve, fail: reject })
      this.#assign()
    })
    if (outcome.kind === 'aborted')
      throw new ExpressionError('the expression needs too much memory or nests too deep')
    if (outcome.kind === 'failed') throw new ExpressionError(readFailure(outcome.text))
    return outcome.text
  }

  async close(): Promise<void> {
    this.#closed = true
    const stopped = new ExpressionError('the evaluation of expressions has been stopped')
    for (const ticket of this.#queue.splice(0)) ticket.fail(stopped)
    for (const seat of this.#seats) {
      seat.ticket?.fail(stopped)
      this.#dismiss(seat)
    }
    await Promise.all(this.#leaving)
  }

  #assign(): void {
    for (const seat of this.#seats) if (seat.ready && !seat.ticket) this.#give(seat)
    // Workers on their way count for the work that waits.
    const coming = [...this.#seats].filter((seat) => !seat.ready).length
    if (this.#queue.length > coming && this.#seats.size < this.#limits.workers) this.#hire()
  }

  #give(seat: Seat): void {
    const ticket = this.#queue.shift()
    if (!ticket) return
    seat.ticket = ticket
    seat.worker.ref()
    seat.evaluations += 1
    seat.deadline = setTimeout(() => {
      ticket.fail(new ExpressionError(`the expression took longer than ${this.#limits.timeLimitMs} ms`))
      this.#replace(seat)
    }, this.#limits.timeLimitMs)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    seat.worker.postMessage(ticket.job)
  }

  #hire(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      // jq-wasm writes to the console when jq aborts; the outcome says it already.
      stdout: true,
      stderr: true,
      // A worker sees nothing of the process's environment or flags.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 16 },
    })
    worker.stdout.resume()
    worker.stderr.resume()
    const seat: Seat = { worker, ready: false, evaluations: 0 }
    this.#seats.add(seat)
    worker.on('message', (message: Message) => this.#hear(seat, message))
    worker.on('error', () => this.#lose(seat))
    worker.on('exit', () => this.#lose(seat))
  }

  #hear(seat: Seat, message: Message): void {
    if (!this.#seats.has(seat)) return
    if (message.kind === 'ready') {
      seat.ready = true
    } else {
      clearTimeout(seat.deadline)
      seat.ticket?.settle(message)
      seat.ticket = undefined
      // An idle worker does not keep the process alive.
      seat.worker.unref()
      if (message.kind === 'aborted' || seat.evaluations >= EVALUATIONS_PER_WORKER) this.#dismiss(seat)
    }
    this.#assign()
  }

  /** The worker ended by itself: out of memory, or it could not start. */
  #lose(seat: Seat): void {
    if (!this.#seats.has(seat)) return
    // Without a ticket it never came up: the job that waits longest fails, so that a worker that can't start ends in errors, not in a loop.
    const ticket = seat.ticket ?? this.#queue.shift()
    ticket?.settle({ kind: 'aborted' })
    this.#replace(seat)
  }

  #replace(seat: Seat): void {
    this.#dismiss(seat)
    this.#assign()
  }

  #dismiss(seat: Seat): void {
    clearTimeout(seat.deadline)
    this.#seats.delete(seat)
    const leaving: Promise<unknown> = seat.worker.terminate().finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
  }
}
