/** Time as an argument, so that tests can pass it by hand. */
export interface Clock {
  /**
   * Milliseconds since the Unix epoch. It may be set, forward and back: for times that are told or stored,
   * not for how long something takes.
   */
  now(): number
  /** Milliseconds since a moment that is the same for as long as the process lives; never set. */
  monotonic(): number
  /** Calls back once, not before `delayMs` have passed. The result cancels it; idempotent. */
  setTimer(callback: () => void, delayMs: number): () => void
}

/** The longest delay that Node's timers take; beyond it they would fire at once. */
const longestDelayMs = 2 ** 31 - 1

function setTimer(callback: () => void, delayMs: number): () => void {
  let timer = setTimeout(elapsed, Math.min(delayMs, longestDelayMs))
  let leftMs = delayMs - longestDelayMs

  function elapsed(): void {
    if (leftMs <= 0) return callback()
    timer = setTimeout(elapsed, Math.min(leftMs, longestDelayMs))
    leftMs -= longestDelayMs
  }

  return () => clearTimeout(timer)
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Math.floor(performance.now()),
  setTimer,
}
