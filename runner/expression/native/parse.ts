/**
 * Parses the part of jq that is evaluated natively, by jq's grammar and precedence. Stricter than jq where in doubt; that a program
 * is right at all was for jq to say (see `Expressions.check`).
 */
import type { Json } from '../../../state/event.ts'
import { readLexeme, readStringPart } from '../lexemes.ts'
import type { Kind } from '../lexemes.ts'
import { LeftToJq } from './node.ts'
import type { Node, Operator } from './node.ts'
import { isPlainKey, isPlainNumber } from './values.ts'

/** Larger programs are jq's: evaluation recurses over the tree. */
const MAX_NODES = 1000

/** From the weakest to the strongest; after it the operators of a level, and how they associate. */
const LEVELS: [operators: string[], side: 'left' | 'right' | 'none'][] = [
  [['//'], 'right'],
  [['or'], 'left'],
  [['and'], 'left'],
  [['==', '!=', '<', '<=', '>', '>='], 'none'],
  [['+', '-'], 'left'],
  [['*', '/', '%'], 'left'],
]

const KEYWORDS = new Set(
  'def module import include if then else elif end as reduce foreach and or try catch label break'.split(' '),
)

const CONSTANTS: Record<string, Json> = { null: null, true: true, false: false }

interface Token {
  kind: Kind | 'end'
  text: string
}

export interface ParseOptions {
  /** The program was made of a value with expressions in it: `only(f; field)` is the function that `compileValue` defines. */
  template: boolean
}

/** @throws {LeftToJq} when the program is none of that part. */
export function parse(source: string, options: ParseOptions): Node {
  return new Parser(source, options).program()
}

class Parser {
  readonly #source: string
  readonly #template: boolean
  /** Where the text after the current token begins. */
  #at = 0
  #token: Token = { kind: 'end', text: '' }
  #nodes = 0

  constructor(source: string, { template }: ParseOptions) {
    this.#source = source
    this.#template = template
  }

  program(): Node {
    this.#advance()
    const node = this.#pipe()
    if (this.#token.kind !== 'end') throw new LeftToJq()
    return node
  }

  #advance(): void {
    for (;;) {
      const lexeme = readLexeme(this.#source, this.#at)
      if (!lexeme) {
        if (this.#at < this.#source.length) throw new LeftToJq()
        this.#token = { kind: 'end', text: '' }
        return
      }
      const [kind, text] = lexeme
      this.#at += text.length
      this.#token = { kind, text }
      if (kind !== 'space' && kind !== 'comment') return
    }
  }

  /** Whether the current token is this operator, bracket or word; texts of other kinds begin otherwise. */
  #is(text: string): boolean {
    return this.#token.text === text
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#advance()
    return true
  }

  #expect(text: string): void {
    if (!this.#take(text)) throw new LeftToJq()
  }

  #node(node: Node): Node {
    this.#nodes += 1
    if (this.#nodes > MAX_NODES) throw new LeftToJq()
    return node
  }

  #pipe(): Node {
    return this.#list('|', () => this.#comma(), 'pipe')
  }

  #comma(): Node {
    return this.#list(',', () => this.#binary(0), 'comma')
  }

  #list(separator: string, item: () => Node, kind: 'pipe' | 'comma'): Node {
    const first = item()
    if (!this.#is(separator)) return first
    const items = [first]
    while (this.#take(separator)) items.push(item())
    return this.#node(kind === 'pipe' ? { kind, steps: items } : { kind, items })
  }

  #binary(level: number): Node {
    const [operators, side] = LEVELS[level] ?? []
    if (!operators) return this.#unary()
    let left = this.#binary(level + 1)
    while (operators.includes(this.#token.text)) {
      const operator = this.#token.text
      this.#advance()
      const right = this.#binary(side === 'right' ? level : level + 1)
      left = this.#node(
        operator === 'and' || operator === 'or' || operator === '//'
          ? { kind: operator, left, right }
          : { kind: 'binary', operator: operator as Operator, left, right },
      )
      if (side === 'none') break
    }
    return left
  }

  #unary(): Node {
    return this.#take('-') ? this.#node({ kind: 'negate', of: this.#unary() }) : this.#postfix()
  }

  #postfix(): Node {
    let node = this.#term()
    for (;;) {
      if (this.#token.kind === 'field') node = this.#field(node)
      else if (this.#take('[')) node = this.#bracket(node)
      else if (this.#take('.')) node = this.#dot(node)
      // It changes what an error does, and errors are left to jq.
      else if (!this.#take('?')) return node
    }
  }

  #field(of: Node): Node {
    const key = this.#token.text.slice(1)
    this.#advance()
    return this.#node({ kind: 'index', of, key: { kind: 'literal', value: key } })
  }

  /** After a `.` that no name follows: `."name"`, `.["name"]`. */
  #dot(of: Node): Node {
    if (this.#is('"')) return this.#node({ kind: 'index', of, key: this.#string('@text') })
    if (this.#take('[')) return this.#bracket(of)
    throw new LeftToJq()
  }

  /** After the `[` of an index, a slice or an iteration. */
  #bracket(of: Node): Node {
    if (this.#take(']')) return this.#node({ kind: 'each', of })
    const from = this.#is(':') ? undefined : this.#pipe()
    if (from && this.#take(']')) return this.#node({ kind: 'index', of, key: from })
    this.#expect(':')
    const to = this.#is(']') ? undefined : this.#pipe()
    if (!from && !to) throw new LeftToJq()
    this.#expect(']')
    return this.#node({ kind: 'slice', of, from, to })
  }

  #term(): Node {
    const { kind, text } = this.#token
    if (kind === 'field') return this.#field({ kind: 'identity' })
    if (text === '"') return this.#string('@text')
    if (kind === 'word') return this.#word()
    this.#advance()
    if (kind === 'number') return this.#number(text)
    if (kind === 'variable') return this.#node({ kind: 'variable', name: text.slice(1) })
    if (kind === 'format')
      return this.#is('"') ? this.#string(text) : this.#node({ kind: 'format', name: text })
    if (text === '.')
      return this.#is('"') ? this.#dot({ kind: 'identity' }) : this.#node({ kind: 'identity' })
    if (text === '(') return this.#closed(this.#pipe(), ')')
    if (text === '{') return this.#object()
    if (text !== '[') throw new LeftToJq()
    if (this.#take(']')) return this.#node({ kind: 'array', items: undefined })
    return this.#node({ kind: 'array', items: this.#closed(this.#pipe(), ']') })
  }

  /** After what stands in brackets. */
  #closed(node: Node, closer: string): Node {
    this.#expect(closer)
    return node
  }

  /** jq keeps how a literal was written; `1.0`, `1e3` and what a double can't hold are its own. */
  #number(text: string): Node {
    const value = Number(text)
    if (!isPlainNumber(value) || String(value) !== text) throw new LeftToJq()
    return this.#node({ kind: 'literal', value })
  }

  #word(): Node {
    const name = this.#token.text
    if (name === 'if') return this.#if()
    if (KEYWORDS.has(name) || name.startsWith('__')) throw new LeftToJq()
    this.#advance()
    const args: Node[] = []
    if (this.#take('(')) {
      do args.push(this.#pipe())
      while (this.#take(';'))
      this.#expect(')')
    }
    if (args.length === 0 && Object.hasOwn(CONSTANTS, name))
      return this.#node({ kind: 'literal', value: CONSTANTS[name] ?? null })
    const [of, field] = args
    if (this.#template && name === 'only' && of && field?.kind === 'literal' && args.length === 2)
      return this.#node({ kind: 'only', of })
    return this.#node({ kind: 'call', name, args })
  }

  /** At `if` or `elif`; takes the `end`. */
  #if(): Node {
    this.#advance()
    const condition = this.#pipe()
    this.#expect('then')
    const then = this.#pipe()
    let otherwise: Node = { kind: 'identity' }
    if (this.#is('elif')) otherwise = this.#if()
    else if (this.#take('else')) otherwise = this.#closed(this.#pipe(), 'end')
    else this.#expect('end')
    return this.#node({ kind: 'if', condition, then, otherwise })
  }

  /** At the opening quote. */
  #string(format: string): Node {
    const parts: (string | Node)[] = []
    for (;;) {
      const { part, end } = readStringPart(this.#source, this.#at)
      if (part !== '') parts.push(unescape(part))
      this.#at += part.length + end.length
      this.#advance()
      if (end === '"') break
      if (end !== '\\(') throw new LeftToJq()
      parts.push(this.#pipe())
      // What follows the bracket is text again, not a token: it is not to be read ahead.
      if (!this.#is(')')) throw new LeftToJq()
    }
    if (parts.every((part) => typeof part === 'string'))
      return this.#node({ kind: 'literal', value: parts.join('') })
    return this.#node({ kind: 'text', parts, format })
  }

  #object(): Node {
    const entries: { key: Node; value: Node }[] = []
    while (!this.#take('}')) {
      entries.push(this.#entry())
      if (!this.#is('}')) this.#expect(',')
    }
    return this.#node({ kind: 'object', entries })
  }

  #entry(): { key: Node; value: Node } {
    const { kind, text } = this.#token
    if (text === '(') {
      this.#advance()
      const key = this.#closed(this.#pipe(), ')')
      this.#expect(':')
      return { key, value: this.#entryValue() }
    }
    let key: Node
    if (text === '"') key = this.#string('@text')
    else {
      if ((kind !== 'word' && kind !== 'variable') || text.startsWith('__')) throw new LeftToJq()
      this.#advance()
      key = { kind: 'literal', value: text }
    }
    if (kind === 'variable') {
      const variable = this.#node({ kind: 'variable', name: text.slice(1) })
      if (this.#take(':')) return { key: variable, value: this.#entryValue() }
      return { key: { kind: 'literal', value: text.slice(1) }, value: variable }
    }
    if (this.#take(':')) return { key, value: this.#entryValue() }
    return { key, value: this.#node({ kind: 'index', of: { kind: 'identity' }, key }) }
  }

  #entryValue(): Node {
    return this.#list('|', () => this.#binary(0), 'pipe')
  }
}

/** A part of a string as it is written in the program; white space may stand in it as it is. */
function unescape(part: string): string {
  // The second half of what looks like an escape of a line break would be one.
  if (/\\\s/.test(part)) throw new LeftToJq()
  let text: string
  try {
    text = JSON.parse(
      `"${part.replaceAll(/[\t\n\r]/g, (space) => JSON.stringify(space).slice(1, -1))}"`,
    ) as string
  } catch {
    throw new LeftToJq()
  }
  if (!isPlainKey(text)) throw new LeftToJq()
  return text
}
