/** Counts work under way without referring to any of it, see `ShortLivedMap`. */
export interface InFlight {
  readonly size: number
  /** Counts the work until it has ended, in whatever way. */
  track(work: Promise<unknown>): void
  /** Resolves when there is none. */
  settled(): Promise<void>
}

export function createInFlight(): InFlight {
  let size = 0
  let waiting: (() => void)[] = []

  function ended(): void {
    size -= 1
    if (size > 0) return
    const done = waiting
    waiting = []
    for (const resolve of done) resolve()
  }

  return {
    get size() {
      return size
    },
    track(work) {
      size += 1
      work.then(ended, ended)
    },
    settled: () => (size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}
