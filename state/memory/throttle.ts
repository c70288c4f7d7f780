import type { Throttle } from '../state.ts'
import { ExpiringMap } from '../expiring-map.ts'

export interface Windows {
  /** 0: accepted and counted. Otherwise refused, and the milliseconds until a call passes again. */
  take(throttle: Throttle): number
  /** How many windows are held. */
  readonly size: number
}

/** The times of the last accepted calls; `next` is the place of the oldest once all places are taken. */
interface Window {
  times: number[]
  next: number
  expiresAt: number
}

/**
 * Exact sliding windows: with the last N accepted times kept, the oldest of them alone tells whether a call
 * passes, so that a call costs the same whatever N is.
 */
export function createWindows(now: () => number): Windows {
  const windows = new ExpiringMap<Window>(now)

  return {
    take({ key, requests, windowMs }) {
      const time = now()
      const window = windows.get(key) ?? { times: [], next: 0, expiresAt: 0 }
      const oldest = nthNewest(window, requests)
      if (oldest !== undefined && oldest > time - windowMs) return oldest + windowMs - time
      fit(window, requests)
      window.times[window.next] = time
      window.next = (window.next + 1) % requests
      window.expiresAt = time + windowMs
      windows.set(key, window)
      return 0
    },
    get size() {
      return windows.size
    },
  }
}

function nthNewest({ times, next }: Window, n: number): number | undefined {
  return times.length < n ? undefined : times[(next - n + times.length) % times.length]
}

/** Makes room for exactly `requests` times when the limit was changed; the newest are kept. */
function fit(window: Window, requests: number): void {
  const { times, next } = window
  // A ring that is not full yet has its oldest at 0 and `next` at its end.
  if (times.length < requests && next === times.length) return
  if (times.length === requests && next < requests) return
  const inOrder = [...times.slice(next), ...times.slice(0, next)].slice(-requests)
  window.times = inOrder
  window.next = inOrder.length % requests
}
