import type { Clock } from '../../state/clock.ts'

export interface ManualClock extends Clock {
  /**
   * Lets time pass: timers due on the way fire in order, each at its own time, and what they started settles
   * before the next.
   */
  advance(ms: number): Promise<void>
  /** Sets the time of day, as somebody may do with that of a machine: no time passes. */
  set(epochMs: number): void
  /** How many timers are pending that were set for so long: what repeats sets its next one when it is done. */
  pending(delayMs: number): number
}

interface Timer {
  at: number
  delayMs: number
  callback: () => void
}

/** A clock that stands still until it is advanced. */
export function createManualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let now = 0
  let epoch = startMs
  const timers = new Set<Timer>()

  function nextDue(until: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of timers)
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer
    return next
  }

  return {
    now: () => epoch + now,
    monotonic: () => now,
    set: (epochMs) => void (epoch = epochMs - now),
    setTimer(callback, delayMs) {
      const timer = { at: now + Math.max(0, delayMs), delayMs, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    pending: (delayMs) => [...timers].filter((timer) => timer.delayMs === delayMs).length,
    async advance(ms) {
      const until = now + ms
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer)
        now = timer.at
        timer.callback()
        await settled()
      }
      now = until
      await settled()
    },
  }
}

/** Promise chains that need no I/O have run to their end. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
