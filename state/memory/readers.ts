import type { Clock } from '../clock.ts'
import type { Delivery } from '../state.ts'

/** Those who wait for something to be delivered, first come first served. */
export interface Readers {
  /**
   * Resolves with the first deliveries that `take` has, or with none after `blockMs` or when `signal` aborts.
   */
  wait(take: () => Delivery[], blockMs: number, signal: AbortSignal): Promise<Delivery[]>
  /** There may be something to take. */
  wake(): void
}

export function createReaders(clock: Clock): Readers {
  const waiting = new Set<() => void>()

  return {
    wait(take, blockMs, signal) {
      if (signal.aborted) return Promise.resolve([])
      return new Promise((resolve) => {
        const leave = (deliveries: Delivery[]): void => {
          waiting.delete(look)
          cancelTimer()
          signal.removeEventListener('abort', giveUp)
          resolve(deliveries)
        }
        const look = (): void => {
          const deliveries = take()
          if (deliveries.length > 0) leave(deliveries)
        }
        const giveUp = (): void => leave([])
        const cancelTimer = clock.setTimer(giveUp, blockMs)
        signal.addEventListener('abort', giveUp)
        waiting.add(look)
      })
    },
    wake() {
      for (const look of waiting) look()
    },
  }
}
