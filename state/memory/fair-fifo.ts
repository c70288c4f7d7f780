import type { Places } from '../rooms.ts'
import { Fifo } from './fifo.ts'

/**
 * A queue of which those come next whose Webhook has a place left. Those that had none when it was their turn
 * wait aside, by Webhook, in nobody's way; they come before all others when there is one.
 */
export class FairFifo<T> {
  readonly #flowOf: (item: T) => string | undefined
  readonly #queue = new Fifo<T>()
  readonly #aside = new Map<string, Fifo<T>>()
  #deferred = 0

  constructor(flowOf: (item: T) => string | undefined) {
    this.#flowOf = flowOf
  }

  get size(): number {
    return this.#queue.size + this.#deferred
  }

  /** How many wait aside. */
  get deferred(): number {
    return this.#deferred
  }

  push(item: T): void {
    this.#queue.push(item)
  }

  /** The next one; its place is not taken by that. */
  shift(places: Places): T | undefined {
    const item = this.#shiftAside(places)
    if (item !== undefined) return item
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const flow = this.#flowOf(next)
      if (flow === undefined || places.isFree(flow)) return next
      const aside = this.#aside.get(flow) ?? new Fifo<T>()
      aside.push(next)
      this.#aside.set(flow, aside)
      this.#deferred += 1
    }
    return undefined
  }

  /** All of them. */
  items(): T[] {
    return [...this.#aside.values(), this.#queue].flatMap((fifo) => fifo.items())
  }

  /** Puts these before all others that do not wait aside, in their order. */
  giveBack(items: T[]): void {
    this.#queue.giveBack(items)
  }

  #shiftAside(places: Places): T | undefined {
    for (const [flow, aside] of this.#aside) {
      if (!places.isFree(flow)) continue
      // Behind those of others that wait, so that each has its turn.
      this.#aside.delete(flow)
      const item = aside.shift()
      if (aside.size > 0) this.#aside.set(flow, aside)
      if (item === undefined) continue
      this.#deferred -= 1
      return item
    }
    return undefined
  }
}
