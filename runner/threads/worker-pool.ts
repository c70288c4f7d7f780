/**
 * Runs jobs in worker threads that can be stopped at any time: what a tenant wrote never runs in the thread
 * that serves all.
 */
import { Worker } from 'node:worker_threads'
import { createCounts } from '../../process/counts.ts'
import type { Counts } from '../../process/counts.ts'
import type { Job, Message, JobOutcome } from './messages.ts'

export interface PoolLimits {
  workers: number
  timeLimitMs: number
  maxQueue: number
}

/** WebAssembly memory does not shrink: a worker is replaced after as many jobs. */
const JOBS_PER_WORKER = 20_000

interface Ticket {
  job: Job
  settle(result: JobResult): void
}

interface Seat {
  worker: Worker
  ready: boolean
  ticket?: Ticket | undefined
  deadline?: NodeJS.Timeout | undefined
  jobs: number
}

/**
 * What became of a job. `timeout`: it took longer than it may; `refused`: too many waited; `stopped`: the pool
 * was closed.
 */
export type JobResult = JobOutcome | { kind: 'timeout' } | { kind: 'refused' } | { kind: 'stopped' }

/** What is counted. */
export type JobEnd = Exclude<JobResult['kind'], 'stopped'>

export class WorkerPool {
  readonly ends: Counts<JobEnd> = createCounts(['output', 'failed', 'aborted', 'timeout', 'refused'])
  readonly #script: URL
  readonly #limits: PoolLimits
  readonly #seats = new Set<Seat>()
  readonly #queue: Ticket[] = []
  readonly #leaving = new Set<Promise<unknown>>()
  #closed = false

  constructor(script: URL, limits: PoolLimits) {
    this.#script = script
    this.#limits = limits
  }

  /** Never rejects. */
  run(job: Job): Promise<JobResult> {
    if (this.#closed) return Promise.resolve({ kind: 'stopped' })
    if (this.#queue.length >= this.#limits.maxQueue) {
      this.ends.add('refused')
      return Promise.resolve({ kind: 'refused' })
    }
    return new Promise((settle) => {
      this.#queue.push({ job, settle })
      this.#assign()
    })
  }

  /** How many jobs wait for a worker. */
  get waiting(): number {
    return this.#queue.length
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const ticket of this.#queue.splice(0)) ticket.settle({ kind: 'stopped' })
    for (const seat of this.#seats) {
      seat.ticket?.settle({ kind: 'stopped' })
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
    seat.jobs += 1
    seat.deadline = setTimeout(() => {
      // When this thread was held up, the answer may be there, and is heard first.
      setImmediate(() => this.#timeOut(seat, ticket))
    }, this.#limits.timeLimitMs)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    seat.worker.postMessage(ticket.job)
  }

  #timeOut(seat: Seat, ticket: Ticket): void {
    if (seat.ticket !== ticket || !this.#seats.has(seat)) return
    this.ends.add('timeout')
    ticket.settle({ kind: 'timeout' })
    this.#replace(seat)
  }

  #hire(): void {
    const worker = new Worker(this.#script, {
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
    const seat: Seat = { worker, ready: false, jobs: 0 }
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
      this.ends.add(message.kind)
      seat.ticket = undefined
      // An idle worker does not keep the process alive.
      seat.worker.unref()
      if (message.kind === 'aborted' || seat.jobs >= JOBS_PER_WORKER) this.#dismiss(seat)
    }
    this.#assign()
  }

  /** The worker ended by itself: out of memory, or it could not start. */
  #lose(seat: Seat): void {
    if (!this.#seats.has(seat)) return
    // Without a ticket it never came up: the job that waits longest fails, so that a worker that can't start
    // ends in errors, not in a loop.
    const ticket = seat.ticket ?? this.#queue.shift()
    ticket?.settle({ kind: 'aborted' })
    this.ends.add('aborted')
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
