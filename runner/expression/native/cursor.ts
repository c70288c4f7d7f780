import { readLexeme, readStringPart } from '../lexemes.ts'
import type { Kind } from '../lexemes.ts'
import { LeftToJq } from './node.ts'

/** The tokens of a program, one ahead. */
export class Cursor {
  readonly #source: string
  /** Where the text after the current token begins. */
  #at = 0
  #kind: Kind | 'end' = 'end'
  #text = ''

  constructor(source: string) {
    this.#source = source
    this.advance()
  }

  get kind(): Kind | 'end' {
    return this.#kind
  }

  /** Empty at the end. */
  get text(): string {
    return this.#text
  }

  advance(): void {
    do {
      const lexeme = readLexeme(this.#source, this.#at)
      if (!lexeme && this.#at < this.#source.length) throw new LeftToJq()
      ;[this.#kind, this.#text] = lexeme ?? ['end', '']
      this.#at += this.#text.length
    } while (this.#kind === 'space' || this.#kind === 'comment')
  }

  /** Whether the current token is this operator, bracket or word. */
  is(text: string): boolean {
    return this.#text === text
  }

  take(text: string): boolean {
    if (!this.is(text)) return false
    this.advance()
    return true
  }

  expect(text: string): void {
    if (!this.take(text)) throw new LeftToJq()
  }

  /**
   * What stands in a string after the current token, which is its opening quote, or the bracket that closes
   * an interpolation. Goes on to the first token of the next interpolation, or to that after the string.
   */
  takeStringPart(): { text: string; interpolation: boolean } {
    if (!this.is('"') && !this.is(')')) throw new LeftToJq()
    const { part, end } = readStringPart(this.#source, this.#at)
    if (end === '') throw new LeftToJq()
    this.#at += part.length + end.length
    this.advance()
    return { text: unescape(part), interpolation: end === '\\(' }
  }
}

/** A part of a string as it is written in the program; white space may stand in it as it is. */
function unescape(part: string): string {
  // The second half of what looks like an escape of a line break would be one.
  if (/\\\s/.test(part)) throw new LeftToJq()
  try {
    return JSON.parse(
      `"${part.replaceAll(/[\t\n\r]/g, (space) => JSON.stringify(space).slice(1, -1))}"`,
    ) as string
  } catch {
    throw new LeftToJq()
  }
}
