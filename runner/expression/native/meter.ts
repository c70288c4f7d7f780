import { LeftToJq } from './node.ts'

/** Bounds the work of one evaluation, which has its thread for itself. A unit is about one value looked at, or 16 characters. */
export class Meter {
  #spent = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get spent(): number {
    return this.#spent
  }

  /** @throws {LeftToJq} when the work is over: in jq's worker it holds nobody up. */
  spend(units: number): void {
    this.#spent += units
    if (this.#spent > this.#limit) throw new LeftToJq()
  }

  /** For characters that are read or written. */
  spendText(length: number): void {
    this.spend(1 + (length >> 4))
  }
}
