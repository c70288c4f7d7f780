import type { Clock } from './clock.ts'

/** Something that is due at a time, until it is cancelled. */
export interface Deadline {
  readonly at: number
  readonly durationMs: number
  readonly onDue: () => void
}

/** Many deadlines on one timer, in place of a timer for each call. */
export interface Deadlines {
  /** Calls back once, at most one sweep (50 ms) late. */
  add(durationMs: number, onDue: () => void): Deadline
  /** Idempotent. */
  cancel(deadline: Deadline): void
  /** Forgets all. */
  stop(): void
}

const sweepMs = 50

/**
 * Deadlines of equal duration fall due in the order in which they were added: a queue for each duration, of which a sweep looks at the heads only. No timer
 * runs while there are none.
 */
export function createDeadlines(clock: Clock): Deadlines {
  const queues = new Map<number, Set<Deadline>>()
  let stopTimer: (() => void) | undefined

  function sweep(): void {
    stopTimer = undefined
    const now = clock.now()
    for (const queue of queues.values()) {
      for (const deadline of queue) {
        if (deadline.at > now) break
        cancel(deadline)
        deadline.onDue()
      }
    }
    arm()
  }

  function arm(): void {
    if (stopTimer === undefined && queues.size > 0) stopTimer = clock.setTimer(sweep, sweepMs)
  }

  function cancel(deadline: Deadline): void {
    const queue = queues.get(deadline.durationMs)
    if (queue?.delete(deadline) === true && queue.size === 0) queues.delete(deadline.durationMs)
  }

  return {
    add(durationMs, onDue) {
      const deadline = { at: clock.now() + durationMs, durationMs, onDue }
      const queue = queues.get(durationMs)
      if (queue === undefined) queues.set(durationMs, new Set([deadline]))
      else queue.add(deadline)
      arm()
      return deadline
    },
    cancel,
    stop() {
      queues.clear()
      stopTimer?.()
      stopTimer = undefined
    },
  }
}
