import type { Clock } from '../clock.ts'

/**
 * Repeats an act with a pause after each time; a failure is told and does not end it. The result stops it.
 */
export function every(
  ms: number,
  clock: Clock,
  act: () => Promise<void>,
  onError: (error: unknown) => void,
): () => void {
  let stopped = false
  let cancel = clock.setTimer(next, ms)

  function next(): void {
    act()
      .catch(onError)
      .finally(() => {
        if (!stopped) cancel = clock.setTimer(next, ms)
      })
  }

  return () => {
    stopped = true
    cancel()
  }
}
