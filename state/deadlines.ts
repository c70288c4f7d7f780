import type { Clock } from './clock.ts'

/** Something that is due at a time, until it is cancelled. */
export interface Deadline {
  readonly at: number
  readonly durationMs: number
}

/** Many deadlines on one timer, in place of a timer for each call. */
export interface Deadlines {
  /**
   * Calls back once, at most one sweep (50 ms) late; when the process stood still meanwhile, after it has seen
   * what came in that time.
   */
  add(durationMs: number, onDue: () => void): Deadline
  /** Idempotent. */
  cancel(deadline: Deadline): void
  /** Forgets all. */
  stop(): void
}

/**
 * A place in a queue. Once it has left, it refers to nothing: a dead one that has reached V8's old generation
 * would else keep alive all that came after it. For the same reason the queue is no Set, whose former hash
 * tables refer to the later ones.
 */
class Place implements Deadline {
  onDue: (() => void) | undefined
  before: Place | undefined
  after: Place | undefined
  readonly at: number
  readonly durationMs: number

  constructor(at: number, durationMs: number, onDue: (() => void) | undefined) {
    this.at = at
    this.durationMs = durationMs
    this.onDue = onDue
  }
}

interface Queue {
  first: Place | undefined
  last: Place | undefined
}

const sweepMs = 50

/**
 * Deadlines of equal duration fall due in the order in which they were added: a queue for each duration, of
 * which a sweep looks at the heads only. No timer runs while there are none.
 */
export function createDeadlines(clock: Clock): Deadlines {
  const queues = new Map<number, Queue>()
  let stopTimer: (() => void) | undefined
  /** When the next sweep is due. */
  let sweepAt = 0
  let isSecondLook = false

  function sweep(): void {
    stopTimer = undefined
    const now = clock.monotonic()
    // The process stood still. Node calls timers before it reads what has arrived: an answer that lies there is
    // in time, and cancels its deadline before the next timer.
    isSecondLook = now - sweepAt > sweepMs && !isSecondLook
    if (isSecondLook) {
      arm(1)
      return
    }
    for (const [durationMs, queue] of queues) {
      // What is called back may stop everything.
      while (queue.first !== undefined && queue.first.at <= now && queues.get(durationMs) === queue) {
        const { onDue } = queue.first
        cancel(queue.first)
        onDue?.()
      }
      if (queue.first === undefined) queues.delete(durationMs)
    }
    arm()
  }

  function arm(delayMs = sweepMs): void {
    if (stopTimer !== undefined || queues.size === 0) return
    sweepAt = clock.monotonic() + delayMs
    stopTimer = clock.setTimer(sweep, delayMs)
  }

  function cancel(deadline: Deadline): void {
    const place = deadline as Place
    const queue = queues.get(place.durationMs)
    if (place.onDue === undefined || queue === undefined) return
    const { before, after } = place
    if (before === undefined) queue.first = after
    else before.after = after
    if (after === undefined) queue.last = before
    else after.before = before
    place.before = place.after = place.onDue = undefined
  }

  return {
    add(durationMs, onDue) {
      const place = new Place(clock.monotonic() + durationMs, durationMs, onDue)
      let queue = queues.get(durationMs)
      if (queue === undefined) queues.set(durationMs, (queue = { first: undefined, last: undefined }))
      place.before = queue.last
      if (queue.last === undefined) queue.first = place
      else queue.last.after = place
      queue.last = place
      arm()
      return place
    },
    cancel,
    stop() {
      queues.clear()
      stopTimer?.()
      stopTimer = undefined
    },
  }
}
