import { LeftToJq } from './node.ts'

/**
 * Bounds the work of one evaluation, which has its thread for itself. A unit is about one value looked at, or
 * 16 characters.
 */
export class Meter {
  #spent = 0
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get spent(): number {
    return this.#spent
  }

  /**
   * Before the work is done. @throws {LeftToJq} when it would be too much: in jq's worker it holds nobody up.
   */
  spend(units: number): void {
    const spent = this.#spent + units
    this.#spent = Math.min(spent, this.#limit)
    if (spent > this.#limit) throw new LeftToJq()
  }

  /** For characters that are read or written. */
  spendText(length: number): void {
    this.spend(1 + (length >> 4))
  }

  /** For characters that are looked at or written one by one. */
  spendCharacters(length: number): void {
    this.spend(1 + (length >> 2))
  }

  /** For the search of one text in another, which may compare each character with each. */
  spendSearch(text: string, part: string): void {
    this.spend(1 + Math.floor((text.length * part.length) / 64))
  }
}
