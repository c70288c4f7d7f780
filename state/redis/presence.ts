import type { Clock } from '../clock.ts'

/**
 * When silence may be taken for death. After a partition was away from this process, or this process from
 * everything, those that live may not have told so either: they get a whole lapse for it, counted from the
 * first success.
 */
export interface Presence {
  /** The partition has answered. */
  answered(partition: number): void
  /** It has not. */
  missed(partition: number): void
  /** This process has renewed what it holds, as it does several times in a lapse. */
  renewed(): void
  /** Whether who is silent in the partition for a lapse is dead. */
  isCertain(partition: number): boolean
}

export function createPresence(clock: Clock, lapseMs: number): Presence {
  /** Since when each partition has answered every time. */
  const since = new Map<number, number>()
  let renewedAt: number | undefined

  return {
    answered(partition) {
      if (!since.has(partition)) since.set(partition, clock.monotonic())
    },
    missed: (partition) => void since.delete(partition),
    renewed() {
      const now = clock.monotonic()
      // It stood still, and may not have been the only one.
      if (renewedAt !== undefined && now - renewedAt >= lapseMs) since.clear()
      renewedAt = now
    },
    isCertain(partition) {
      const now = clock.monotonic()
      const answeredSince = since.get(partition)
      return (
        answeredSince !== undefined &&
        now - answeredSince >= lapseMs &&
        renewedAt !== undefined &&
        now - renewedAt < lapseMs
      )
    },
  }
}
