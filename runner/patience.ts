import type { Clock } from '../state/clock.ts'
import { StateUnavailable } from '../state/state.ts'
import { Halted } from './run/run.ts'

/** How long to leave an unreachable state alone. */
export const PAUSE_MS = 500

/**
 * Does what needs the shared state, again and again until that answers. `onAway` is called before each
 * further try.
 * @throws {Halted} when the runner stops before; the first try is made nevertheless.
 */
export type Patience = <Result>(act: () => Promise<Result>, onAway?: () => void) => Promise<Result>

export function createPatience(clock: Clock, halt: AbortSignal): Patience {
  async function again<Result>(
    act: () => Promise<Result>,
    error: unknown,
    onAway?: () => void,
  ): Promise<Result> {
    for (let away = error; ;) {
      if (!(away instanceof StateUnavailable)) throw away
      await elapsed(clock, PAUSE_MS, halt)
      if (halt.aborted) throw new Halted()
      onAway?.()
      try {
        return await act()
      } catch (error) {
        away = error
      }
    }
  }

  return (act, onAway) => act().catch((error: unknown) => again(act, error, onAway))
}

/** Resolves after that time, or when the signal aborts. */
export function elapsed(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.setTimer(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
