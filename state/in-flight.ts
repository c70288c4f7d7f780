/** Counts work under way without referring to any of it, see `ShortLivedMap`. */
export interface InFlight {
  readonly size: number
  /** Counts the work until it has ended, in whatever way. */
  track(work: Promise<unknown>): void
  /** Resolves when there is none. */
  settled(): Promise<void>
}

/** `onFailure` is told of work that has failed. */
export function createInFlight(onFailure: (error: unknown) => void = () => {}): InFlight {
  let size = 0
  let waiting: (() => void)[] = []

  function ended(): void {
    size -= 1
    if (size > 0) return
    const done = waiting
    waiting = []
    for (const resolve of done) resolve()
  }

  function failed(error: unknown): void {
    onFailure(error)
    ended()
  }

  return {
    get size() {
      return size
    },
    track(work) {
      size += 1
      work.then(ended, failed)
    },
    settled: () => (size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  }
}
