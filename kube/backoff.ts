import { setTimeout as wait } from 'node:timers/promises'

export interface BackoffOptions {
  /** The first pause, in milliseconds. */
  firstMs: number
  /** The longest. */
  mostMs: number
  /** From 0 to below 1. */
  random: () => number
}

/**
 * The pause before try number `failures` + 1: twice the one before, with half of it left to chance, so that
 * those who failed together do not come back together.
 */
export function backoffMs(failures: number, { firstMs, mostMs, random }: BackoffOptions): number {
  const whole = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 30))
  return whole / 2 + (whole / 2) * random()
}

/** Resolves after that time, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
