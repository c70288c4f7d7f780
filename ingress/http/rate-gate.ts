import { ExpiringMap } from '../../state/memory/expiring-map.ts'
import type { Throttle } from '../../state/state.ts'

/**
 * Holds back calls that are costly to verify while the throttle can't have room for them. The throttle counts a call after its verification; without
 * this, a flood of forged calls would have each of them verified, be it by a request to somewhere else, before it is refused.
 */
export interface RateGate {
  /** Undefined: the call may be verified, and `leave` follows when it has been counted. Else for how many milliseconds there is no room. */
  enter(throttle: Throttle): number | undefined
  leave(throttle: Throttle): void
  /** The throttle has said that the window is full for so long. */
  full(throttle: Throttle, retryAfterMs: number): void
}

/** `now`: milliseconds since 1970. */
export function createRateGate(now: () => number): RateGate {
  /** Calls that are verified now, by the window that will count them. */
  const entered = new Map<string, number>()
  /** Windows that are full. A full one counts nothing, so that nothing makes it full for longer. */
  const full = new ExpiringMap<{ expiresAt: number }>(now)

  return {
    enter(throttle) {
      const key = keyOf(throttle)
      const leftMs = (full.get(key)?.expiresAt ?? 0) - now()
      // No window is full for longer: the clock was set back, and must not keep calls out.
      if (leftMs > 0 && leftMs <= throttle.windowMs) return leftMs
      const others = entered.get(key) ?? 0
      // Those before it will take all the room there can be.
      if (others >= throttle.requests) return throttle.windowMs
      entered.set(key, others + 1)
      return undefined
    },
    leave(throttle) {
      const key = keyOf(throttle)
      const left = (entered.get(key) ?? 1) - 1
      if (left > 0) entered.set(key, left)
      else entered.delete(key)
    },
    full(throttle, retryAfterMs) {
      full.set(keyOf(throttle), { expiresAt: now() + retryAfterMs })
    },
  }
}

/** With another rate it is another window: what was full may have room. */
const keyOf = ({ key, requests, windowMs }: Throttle): string => `${key}/${requests}/${windowMs}`
