/**
 * A map whose entries end at a time of their own. What has ended is never seen again, and each `set` sweeps a
 * little, so that the map holds no more than about twice what is alive and no call pays for a whole sweep.
 */
export class ExpiringMap<V extends { expiresAt: number }> {
  readonly #entries = new Map<string, V>()
  readonly #now: () => number
  #sweep: MapIterator<[string, V]> = this.#entries.entries()

  constructor(now: () => number) {
    this.#now = now
  }

  /** What is held, ended entries that were not swept yet included. */
  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined || value.expiresAt > this.#now()) return value
    this.#entries.delete(key)
    return undefined
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value)
    this.#sweepOne()
    this.#sweepOne()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  #sweepOne(): void {
    const next = this.#sweep.next()
    if (next.done) this.#sweep = this.#entries.entries()
    else if (next.value[1].expiresAt <= this.#now()) this.#entries.delete(next.value[0])
  }
}
