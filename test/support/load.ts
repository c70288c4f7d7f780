import { setTimeout as pause } from 'node:timers/promises'

/** Callers that call again and again until they are told to stop. */
export interface Load {
  /** The answers that were not as expected. */
  wrong: unknown[]
  /** Resolves after so many more calls. */
  served(calls: number): Promise<void>
  /** Resolves to the number of calls when the last one is answered. */
  stop(): Promise<number>
}

/**
 * `call` gets a number of its own and gives undefined, or what was wrong. What it rejects with is wrong, too. With `everyMs`, each caller rests for that
 * long between its calls, and leaves the machine to others.
 */
export function startLoad(
  callers: number,
  call: (n: number) => Promise<unknown>,
  { everyMs = 0 }: { everyMs?: number } = {},
): Load {
  const over = new AbortController()
  const wrong: unknown[] = []
  const waiting = new Set<() => void>()
  const count = { begun: 0, ended: 0 }
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const fault = await call(count.begun++).catch((error: unknown) => String(error))
      if (fault !== undefined) wrong.push(fault)
      count.ended++
      for (const look of waiting) look()
      if (everyMs > 0) await pause(everyMs)
    }
  }
  const load = Promise.all(Array.from({ length: callers }, caller))
  return {
    wrong,
    served(calls) {
      const goal = count.ended + calls
      return new Promise((resolve) => {
        const look = (): void => {
          if (count.ended < goal) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    },
    async stop() {
      over.abort()
      await load
      return count.ended
    },
  }
}

/** Calls at a steady rate, whether or not those before were answered: as many as come from outside. */
export function startSteadyLoad(perSecond: number, call: (n: number) => Promise<unknown>): Load {
  const wrong: unknown[] = []
  const waiting = new Set<() => void>()
  const under = new Set<Promise<void>>()
  const began = performance.now()
  const count = { begun: 0, ended: 0 }
  const one = async (n: number): Promise<void> => {
    const fault = await call(n).catch((error: unknown) => String(error))
    if (fault !== undefined) wrong.push(fault)
    count.ended++
    for (const look of waiting) look()
  }
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) / 1000) * perSecond; count.begun < due;) {
      const answered = one(count.begun++)
      under.add(answered)
      void answered.then(() => under.delete(answered))
    }
  }, 5)
  return {
    wrong,
    served(calls) {
      const goal = count.ended + calls
      return new Promise((resolve) => {
        const look = (): void => {
          if (count.ended < goal) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(under)
      return count.ended
    },
  }
}
