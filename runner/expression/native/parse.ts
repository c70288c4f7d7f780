/**
 * Parses the part of jq that is evaluated natively, by jq's grammar and precedence. Stricter than jq where in
 * doubt; that a program is right at all was for jq to say (see `Expressions.check`).
 */
import type { Json } from '../../../state/event.ts'
import { Cursor } from './cursor.ts'
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

export interface ParseOptions {
  /**
   * The program was made of a value with expressions in it: `only(f; field)` is the function that
   * `compileValue` defines.
   */
  template: boolean
}

/** @throws {LeftToJq} when the program is none of that part. */
export function parse(source: string, options: ParseOptions): Node {
  return new Parser(source, options).program()
}

class Parser {
  readonly #cursor: Cursor
  readonly #template: boolean
  #nodes = 0

  constructor(source: string, { template }: ParseOptions) {
    this.#cursor = new Cursor(source)
    this.#template = template
  }

  program(): Node {
    const node = this.#pipe()
    if (this.#cursor.kind !== 'end') throw new LeftToJq()
    return node
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
    return this.#list(',', () => this.#binding(), 'comma')
  }

  /** What follows an `as` goes as far as it can. */
  #binding(): Node {
    const of = this.#binary(0)
    if (!this.#cursor.take('as')) return of
    const { kind, text } = this.#cursor
    if (kind !== 'variable') throw new LeftToJq()
    this.#cursor.advance()
    this.#cursor.expect('|')
    return this.#node({ kind: 'bind', of, name: text.slice(1), body: this.#pipe() })
  }

  #list(separator: string, item: () => Node, kind: 'pipe' | 'comma'): Node {
    const first = item()
    if (!this.#cursor.is(separator)) return first
    const items = [first]
    while (this.#cursor.take(separator)) items.push(item())
    return this.#node(kind === 'pipe' ? { kind, steps: items } : { kind, items })
  }

  #binary(level: number): Node {
    const [operators, side] = LEVELS[level] ?? []
    if (!operators) return this.#unary()
    let left = this.#binary(level + 1)
    while (operators.includes(this.#cursor.text)) {
      const operator = this.#cursor.text
      this.#cursor.advance()
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
    return this.#cursor.take('-') ? this.#node({ kind: 'negate', of: this.#unary() }) : this.#postfix()
  }

  #postfix(): Node {
    let node = this.#term()
    for (;;) {
      if (this.#cursor.kind === 'field') node = this.#field(node)
      else if (this.#cursor.take('[')) node = this.#bracket(node)
      else if (this.#cursor.take('.')) node = this.#dot(node)
      // It changes what an error does, and errors are left to jq.
      else if (!this.#cursor.take('?')) return node
    }
  }

  #field(of: Node): Node {
    const key = this.#cursor.text.slice(1)
    this.#cursor.advance()
    return this.#node({ kind: 'index', of, key: { kind: 'literal', value: key } })
  }

  /** After a `.` that no name follows: `."name"`, `.["name"]`. */
  #dot(of: Node): Node {
    if (this.#cursor.is('"')) return this.#node({ kind: 'index', of, key: this.#string('@text') })
    if (this.#cursor.take('[')) return this.#bracket(of)
    throw new LeftToJq()
  }

  /** After the `[` of an index, a slice or an iteration. */
  #bracket(of: Node): Node {
    if (this.#cursor.take(']')) return this.#node({ kind: 'each', of })
    const from = this.#cursor.is(':') ? undefined : this.#pipe()
    if (from && this.#cursor.take(']')) return this.#node({ kind: 'index', of, key: from })
    this.#cursor.expect(':')
    const to = this.#cursor.is(']') ? undefined : this.#pipe()
    if (!from && !to) throw new LeftToJq()
    this.#cursor.expect(']')
    return this.#node({ kind: 'slice', of, from, to })
  }

  #term(): Node {
    const { kind, text } = this.#cursor
    if (kind === 'field') return this.#field({ kind: 'identity' })
    if (text === '"') return this.#string('@text')
    if (kind === 'word') return this.#word()
    this.#cursor.advance()
    if (kind === 'number') return this.#number(text)
    if (kind === 'variable') return this.#node({ kind: 'variable', name: text.slice(1) })
    if (kind === 'format')
      return this.#cursor.is('"') ? this.#string(text) : this.#node({ kind: 'format', name: text })
    if (text === '.')
      return this.#cursor.is('"') ? this.#dot({ kind: 'identity' }) : this.#node({ kind: 'identity' })
    if (text === '(') return this.#closed(this.#pipe(), ')')
    if (text === '{') return this.#object()
    if (text !== '[') throw new LeftToJq()
    if (this.#cursor.take(']')) return this.#node({ kind: 'array', items: undefined })
    return this.#node({ kind: 'array', items: this.#closed(this.#pipe(), ']') })
  }

  /** After what stands in brackets. */
  #closed(node: Node, closer: string): Node {
    this.#cursor.expect(closer)
    return node
  }

  /** jq keeps how a literal was written; `1.0`, `1e3` and what a double can't hold are its own. */
  #number(text: string): Node {
    const value = Number(text)
    if (!isPlainNumber(value) || String(value) !== text) throw new LeftToJq()
    return this.#node({ kind: 'literal', value })
  }

  #word(): Node {
    const name = this.#cursor.text
    if (name === 'if') return this.#if()
    if (KEYWORDS.has(name)) throw new LeftToJq()
    this.#cursor.advance()
    const args: Node[] = []
    if (this.#cursor.take('(')) {
      do args.push(this.#pipe())
      while (this.#cursor.take(';'))
      this.#cursor.expect(')')
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
    this.#cursor.advance()
    const condition = this.#pipe()
    this.#cursor.expect('then')
    const then = this.#pipe()
    let otherwise: Node = { kind: 'identity' }
    if (this.#cursor.is('elif')) otherwise = this.#if()
    else if (this.#cursor.take('else')) otherwise = this.#closed(this.#pipe(), 'end')
    else this.#cursor.expect('end')
    return this.#node({ kind: 'if', condition, then, otherwise })
  }

  /** At the opening quote. */
  #string(format: string): Node {
    const parts: (string | Node)[] = []
    for (;;) {
      const { text, interpolation } = this.#cursor.takeStringPart()
      if (!isPlainKey(text)) throw new LeftToJq()
      if (text !== '') parts.push(text)
      if (!interpolation) break
      parts.push(this.#pipe())
    }
    if (parts.every((part) => typeof part === 'string'))
      return this.#node({ kind: 'literal', value: parts.join('') })
    return this.#node({ kind: 'text', parts, format })
  }

  #object(): Node {
    const entries: { key: Node; value: Node }[] = []
    while (!this.#cursor.take('}')) {
      entries.push(this.#entry())
      if (!this.#cursor.is('}')) this.#cursor.expect(',')
    }
    return this.#node({ kind: 'object', entries })
  }

  #entry(): { key: Node; value: Node } {
    const { kind, text } = this.#cursor
    if (text === '(') {
      this.#cursor.advance()
      const key = this.#closed(this.#pipe(), ')')
      this.#cursor.expect(':')
      return { key, value: this.#entryValue() }
    }
    let key: Node
    if (text === '"') key = this.#string('@text')
    else {
      if ((kind !== 'word' && kind !== 'variable') || text === '__loc__') throw new LeftToJq()
      this.#cursor.advance()
      key = { kind: 'literal', value: text }
    }
    if (kind === 'variable') {
      const variable = this.#node({ kind: 'variable', name: text.slice(1) })
      if (this.#cursor.take(':')) return { key: variable, value: this.#entryValue() }
      return { key: { kind: 'literal', value: text.slice(1) }, value: variable }
    }
    if (this.#cursor.take(':')) return { key, value: this.#entryValue() }
    return { key, value: this.#node({ kind: 'index', of: { kind: 'identity' }, key }) }
  }

  #entryValue(): Node {
    return this.#list('|', () => this.#binary(0), 'pipe')
  }
}
