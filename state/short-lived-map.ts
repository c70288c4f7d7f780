/**
 * A Map for values that come and go by the thousand a second. A Map of V8 replaces its hash table every few
 * hundred changes, and each former table refers to the next: one of them that has reached the old generation
 * keeps all values that come later alive until a full collection, and every young collection copies them.
 * Here the tables hold numbers only; the values lie in an array whose places are used again.
 */
export class ShortLivedMap<T> {
  readonly #places = new Map<string, number>()
  readonly #values: (T | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#places.size
  }

  get(key: string): T | undefined {
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#values[place]
  }

  set(key: string, value: T): void {
    let place = this.#places.get(key)
    if (place === undefined) {
      place = this.#free.pop() ?? this.#values.length
      this.#places.set(key, place)
    }
    this.#values[place] = value
  }

  /** Whether there was one. */
  delete(key: string): boolean {
    const place = this.#places.get(key)
    if (place === undefined) return false
    this.#places.delete(key)
    this.#values[place] = undefined
    this.#free.push(place)
    return true
  }

  keys(): Iterable<string> {
    return this.#places.keys()
  }

  /** In the order in which the keys came; as with a Map, one may be deleted meanwhile. */
  *entries(): Iterable<[string, T]> {
    for (const [key, place] of this.#places) yield [key, this.#values[place] as T]
  }
}
