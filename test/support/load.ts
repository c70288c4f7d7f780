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
 * `call` gets a number of its own and gives undefined, or what was wrong. What it rejects with is wrong, too.
 * With `everyMs`, each caller rests for that long between its calls, and leaves the machine to others.
 */
export function startLoad(
  callers: number,
  call: (n: number) => Promise<unknown>,
  { everyMs = 0 }: { everyMs?: number } = {},
): Load {
  const over = new AbortController()
  const wrong: unknown[] = []
  const progress = createProgress()
  let begun = 0
  const caller = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const fault = await call(begun++).catch((error: unknown) => String(error))
      if (fault !== undefined) wrong.push(fault)
      progress.end()
      if (everyMs > 0) await pause(everyMs)
    }
  }
  const load = Promise.all(Array.from({ length: callers }, caller))
  return {
    wrong,
    served: progress.served,
    async stop() {
      over.abort()
      await load
      return progress.ended()
    },
  }
}

/** Calls at a steady rate, whether or not those before were answered: as many as come from outside. */
export function startSteadyLoad(perSecond: number, call: (n: number) => Promise<unknown>): Load {
  const wrong: unknown[] = []
  const progress = createProgress()
  const under = new Set<Promise<void>>()
  const began = performance.now()
  let begun = 0
  const one = async (n: number): Promise<void> => {
    const fault = await call(n).catch((error: unknown) => String(error))
    if (fault !== undefined) wrong.push(fault)
    progress.end()
  }
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) / 1000) * perSecond; begun < due;) {
      const answered = one(begun++)
      under.add(answered)
      void answered.then(() => under.delete(answered))
    }
  }, 5)
  return {
    wrong,
    served: progress.served,
    async stop() {
      clearInterval(timer)
      await Promise.all(under)
      return progress.ended()
    },
  }
}

/** Counts the calls that have ended. */
function createProgress() {
  const waiting = new Set<() => void>()
  let ended = 0
  return {
    end(): void {
      ended++
      for (const look of waiting) look()
    },
    ended: () => ended,
    /** Resolves after so many more. */
    served(calls: number): Promise<void> {
      const goal = ended + calls
      return new Promise((resolve) => {
        const look = (): void => {
          if (ended < goal) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    },
  }
}
