import { ExpiringMap } from '../../state/expiring-map.ts'
import type { Throttle } from '../../state/state.ts'

/**
 * Holds back calls that are costly to verify while the throttle can't have room for them. The throttle counts
 * a call after its verification; without this, a flood of forged calls would have each of them verified, be
 * it by a request to somewhere else, before it is refused.
 */
export interface RateGate {
  enter(throttle: Throttle): Entry
  /** The throttle has counted a call that was told to be verified. */
  leave(throttle: Throttle): void
  /** The throttle has said that the window is full for so long. */
  full(throttle: Throttle, retryAfterMs: number): void
}

/** What is to be done with a call. */
export type Entry =
  /**
   * There may be room: it is counted after its verification, in one act with the storing. `leave` must
   * follow.
   */
  | 'verify'
  /**
   * The window was full a moment ago, and has room for few: it is verified only when the throttle has counted
   * it.
   */
  | 'count'
  /** There is no room for so long. */
  | { waitMs: number }

/** `now`: milliseconds since 1970. */
export function createRateGate(now: () => number): RateGate {
  /** Calls that are verified now, by the window that will count them. */
  const entered = new Map<string, number>()
  /**
   * Windows that are full until a time, or were within the last window. A full one counts nothing, so that
   * nothing makes it full for longer.
   */
  const full = new ExpiringMap<{ until: number; expiresAt: number }>(now)

  return {
    enter(throttle) {
      const { requests, windowMs } = throttle
      const key = keyOf(throttle)
      const filled = full.get(key)
      const leftMs = (filled?.until ?? 0) - now()
      // None is full for longer than a window: the clock was set back, and must not keep calls out.
      if (filled !== undefined && leftMs <= windowMs) return leftMs > 0 ? { waitMs: leftMs } : 'count'
      const others = entered.get(key) ?? 0
      // Those before it will take all the room there can be.
      if (others >= requests) return { waitMs: windowMs }
      entered.set(key, others + 1)
      return 'verify'
    },
    leave(throttle) {
      const key = keyOf(throttle)
      const left = (entered.get(key) ?? 1) - 1
      if (left > 0) entered.set(key, left)
      else entered.delete(key)
    },
    full(throttle, retryAfterMs) {
      const until = now() + retryAfterMs
      full.set(keyOf(throttle), { until, expiresAt: until + throttle.windowMs })
    },
  }
}

/** With another rate it is another window: what was full may have room. */
const keyOf = ({ key, requests, windowMs }: Throttle): string => `${key}/${requests}/${windowMs}`
