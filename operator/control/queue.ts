import { backoffMs } from '../../kube/backoff.ts'
import { ApiError } from '../../kube/error.ts'

/**
 * Work by key: each key once however often it is added, never twice at the same time, again with backoff when
 * it failed.
 */
export interface WorkQueue {
  /**
   * Asks for work on the key. `soon` goes before everything that is `later`: what a user just did before what
   * follows from it for ten thousand others. A key that is being worked on is worked on again afterwards; one
   * that waits after a failure does not wait longer.
   */
  add(key: string, urgency?: Urgency): void
  /** Resolves when nothing is queued or under way; keys that wait after a failure don't count. */
  idle(): Promise<void>
  /** How many keys wait; those that wait after a failure don't count. */
  readonly size: number
  /** How many keys wait after a failure. */
  readonly retrying: number
  /** Takes up nothing more; resolves when what is under way has ended. */
  stop(): Promise<void>
}

export type Urgency = 'soon' | 'later'

export interface WorkQueueOptions {
  work(key: string): Promise<void>
  /** How many keys are worked on at the same time. */
  parallelism: number
  /** Told of every failure, with how often the key has failed in a row. */
  onFailure(key: string, failure: { error: Error; failures: number; retryMs: number }): void
  random: () => number
}

const BACKOFF = { firstMs: 50, mostMs: 30_000 }

export function createWorkQueue({ work, parallelism, onFailure, random }: WorkQueueOptions): WorkQueue {
  /**
   * In order of arrival; a key that moves from `later` to `soon` stays behind in the former, and is passed
   * over there.
   */
  const lists = { soon: new Fifo(), later: new Fifo() }
  const queued = new Map<string, Urgency>()
  const working = new Set<string>()
  const again = new Map<string, Urgency>()
  const retries = new Map<string, NodeJS.Timeout>()
  const failures = new Map<string, number>()
  let stopped = false
  const waitingForIdle = new Set<() => void>()

  function add(key: string, urgency: Urgency = 'soon'): void {
    if (stopped) return
    clearTimeout(retries.get(key))
    retries.delete(key)
    if (working.has(key)) {
      again.set(key, moreUrgent(again.get(key), urgency))
      return
    }
    const known = queued.get(key)
    const now = moreUrgent(known, urgency)
    if (known === now) return
    queued.set(key, now)
    lists[now].push(key)
    advance()
  }

  function advance(): void {
    if (stopped) return
    while (working.size < parallelism) {
      const key = next()
      if (key === undefined) return
      working.add(key)
      void run(key)
    }
  }

  function next(): string | undefined {
    for (const urgency of ['soon', 'later'] as const)
      for (;;) {
        const key = lists[urgency].shift()
        if (key === undefined) break
        if (queued.get(key) !== urgency) continue
        queued.delete(key)
        return key
      }
    return undefined
  }

  async function run(key: string): Promise<void> {
    try {
      await work(key)
      failures.delete(key)
    } catch (error) {
      if (!stopped) fail(key, error as Error)
    }
    working.delete(key)
    const urgency = again.get(key)
    again.delete(key)
    if (urgency !== undefined) add(key, urgency)
    advance()
    if (isIdle()) for (const resolve of waitingForIdle) resolve()
  }

  const isIdle = (): boolean => queued.size + working.size === 0

  function idle(): Promise<void> {
    if (isIdle()) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    waitingForIdle.add(resolve)
    return promise.finally(() => waitingForIdle.delete(resolve))
  }

  function fail(key: string, error: Error): void {
    const before = failures.get(key) ?? 0
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
    const retryMs = Math.max(asked, backoffMs(before, { ...BACKOFF, random }))
    failures.set(key, before + 1)
    onFailure(key, { error, failures: before + 1, retryMs })
    retries.set(
      key,
      setTimeout(() => add(key, 'later'), retryMs),
    )
  }

  return {
    add,
    idle,
    get size() {
      return queued.size
    },
    get retrying() {
      return retries.size
    },
    async stop() {
      stopped = true
      for (const timer of retries.values()) clearTimeout(timer)
      queued.clear()
      await idle()
    },
  }
}

const moreUrgent = (a: Urgency | undefined, b: Urgency): Urgency => (a === 'soon' ? a : b)

/** First in, first out, at a cost that does not grow with what is in it. */
class Fifo {
  #items: string[] = []
  #start = 0

  push(item: string): void {
    this.#items.push(item)
  }

  shift(): string | undefined {
    const item = this.#items[this.#start]
    if (item === undefined) return undefined
    this.#start += 1
    if (this.#start > 1024 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start)
      this.#start = 0
    }
    return item
  }
}
