/**
 * Reads the text of a jq program as jq's own lexer does, as far as needed to know that it is closed: its
 * brackets balance (so that it can't break out of what is put around it), it calls nothing that reaches
 * outside, and which variables it takes from outside. It is no parser: whether the grammar holds is for jq to
 * say (see `Expressions.check`).
 */
import { ExpressionError } from './expression.ts'
import { readLexeme, readStringPart } from './lexemes.ts'
import type { Kind } from './lexemes.ts'
import { memberAt } from './member.ts'

/** What is known of a program's text. */
export interface Reading {
  /** The program without comments. */
  text: string
  /** The variables that it does not bind itself, without `$`, sorted. */
  variables: string[]
}

/** What a program takes of the variables that it does not bind itself. */
export interface Members {
  /**
   * By variable: the members that are read by name; `all` when it is taken as a whole, or by a name that is
   * computed.
   */
  members: Map<string, Set<string> | 'all'>
  /** It says what to do when something is missing (`//`, `?`), or asks about it (`has`). */
  toleratesMissing: boolean
}

const MAX_PROGRAM = 65_536
const MAX_DEPTH = 200

/** Functions and keywords that read input, files or the environment, write beside the output, or end jq. */
const REFUSED = new Set(
  (
    'input inputs input_filename input_line_number debug stderr halt halt_error ' +
    'env import include module modulemeta get_search_list'
  ).split(' '),
)

type Opening = 'program' | '(' | '[' | '{' | '\\(' | 'if' | 'def'

/** What is open: a bracket, a string's interpolation, or a keyword with an end of its own. */
interface Frame {
  open: Opening
  /** A destructuring pattern after `as`: its variables are bound, not read. */
  pattern: boolean
  /** The variables that hold in the whole frame. */
  readonly given: Set<string>
  /** The variables that hold from where they were bound to the next separator, or to the end of the frame. */
  bound: Set<string>
  /** The variables of the patterns after an `as`, until what follows tells where they hold. */
  introduced?: Set<string> | undefined
  /** The head of a `def`, up to its colon: its variables are parameters. */
  head: boolean
}

const OPENED_BY: Record<string, Opening> = { ']': '[', '}': '{', end: 'if' }

/**
 * Reads a program.
 * @throws {ExpressionError} with one sentence for its author.
 */
export function readProgram(source: string): Reading {
  if (source.length > MAX_PROGRAM)
    throw new ExpressionError(`an expression has at most ${MAX_PROGRAM} characters`)
  const reading = new Reader(source).read()
  if (reading.text.trim() === '') throw new ExpressionError('the expression is empty')
  return reading
}

/** Reads a program that {@link readProgram} has taken, or one that is made of such. */
export function readMembers(program: string): Members {
  // In a value, expressions that nest as deep as they may stand in lists and objects.
  const reader = new Reader(program, Infinity)
  reader.read()
  return { members: reader.members, toleratesMissing: reader.toleratesMissing }
}

/** By these a program goes on when something is missing. */
const TOLERANT = new Set(['//', '//=', '?', '?//'])

class Reader {
  readonly members: Members['members'] = new Map()
  toleratesMissing = false

  readonly #source: string
  readonly #maxDepth: number
  readonly #frames: Frame[] = [newFrame('program')]
  readonly #free = new Set<string>()
  #at = 0
  #text = ''
  /** The last token that is neither space nor comment. */
  #previous = ''

  constructor(source: string, maxDepth = MAX_DEPTH) {
    this.#source = source
    this.#maxDepth = maxDepth
  }

  read(): Reading {
    while (this.#at < this.#source.length) this.#step()
    if (this.#frames.length > 1) throw new ExpressionError(`${this.#top.open} is never closed`)
    return { text: this.#text, variables: [...this.#free].toSorted() }
  }

  get #top(): Frame {
    return this.#frames.at(-1) as Frame
  }

  #step(): void {
    const [kind, token] = this.#next()
    this.#text += kind === 'comment' ? ' ' : token
    if (kind === 'space' || kind === 'comment') return
    const bound = this.#settleBindings(token)
    if (kind === 'variable') this.#variable(token.slice(1))
    else if (kind === 'word') this.#word(token)
    else if (kind === 'bracket') this.#bracket(token, bound)
    else if (kind === 'operator') this.#operator(token)
    this.#previous = token
  }

  #next(): [Kind, string] {
    const lexeme = readLexeme(this.#source, this.#at)
    if (lexeme) {
      this.#at += lexeme[1].length
      return lexeme
    }
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at) ?? 0)
    if (character === '$') throw new ExpressionError('$ must be followed by the name of a variable')
    throw new ExpressionError(`${JSON.stringify(character)} has no meaning in an expression`)
  }

  /**
   * After the patterns of an `as`: their variables hold in the parentheses that follow (`reduce`, `foreach`;
   * returned), else in the rest of the frame.
   */
  #settleBindings(token: string): Set<string> | undefined {
    const top = this.#top
    const bound = top.introduced
    if (!bound || token === '?//' || this.#startsPattern()) return undefined
    top.introduced = undefined
    if (token === '(') return bound
    for (const name of bound) top.bound.add(name)
    return undefined
  }

  #startsPattern(): boolean {
    return this.#top.introduced !== undefined && (this.#previous === 'as' || this.#previous === '?//')
  }

  #variable(name: string): void {
    if (name === 'ENV' || name.startsWith('__'))
      throw new ExpressionError(`$${name} can't be used in an expression`)
    if (this.#previous === 'label' || this.#previous === 'break') return
    const outer = this.#frames.at(-2)
    if (outer?.head) outer.given.add(name)
    else if (this.#top.pattern || this.#startsPattern())
      this.#frames.findLast((frame) => !frame.pattern)?.introduced?.add(name)
    else if (!this.#frames.some((frame) => frame.given.has(name) || frame.bound.has(name))) this.#isFree(name)
  }

  #isFree(name: string): void {
    this.#free.add(name)
    const read = this.members.get(name) ?? new Set()
    const member = memberAt(this.#source, this.#at)
    if (read === 'all' || member === undefined) this.members.set(name, 'all')
    else this.members.set(name, read.add(member.name))
  }

  #word(word: string): void {
    if (this.#source.startsWith('::', this.#at))
      throw new ExpressionError("modules can't be used in an expression")
    if (this.#isKey()) return
    if (word === 'has') this.toleratesMissing = true
    if (REFUSED.has(word)) throw new ExpressionError(`${word} can't be used in an expression`)
    if (word === 'as') this.#top.introduced = new Set()
    else if (word === 'if') this.#push(newFrame('if'))
    else if (word === 'end') this.#close('end')
    else if (word === 'def') this.#push({ ...newFrame('def'), head: true })
    else if (word === 'then' || word === 'elif' || word === 'else') this.#top.bound = new Set()
  }

  /** `{name: 1}`, `{name}`: a word here is a key and calls nothing. */
  #isKey(): boolean {
    return this.#top.open === '{' && (this.#previous === '{' || this.#previous === ',')
  }

  #operator(operator: string): void {
    const top = this.#top
    if (TOLERANT.has(operator)) this.toleratesMissing = true
    if (operator === ':' && top.open === 'def') top.head = false
    if (operator !== ';' || this.#frames.at(-2)?.head) return
    if (top.open === 'def') this.#frames.pop()
    else top.bound = new Set()
  }

  #bracket(bracket: string, bound: Set<string> | undefined): void {
    if (bracket === '"') this.#string()
    else if (bracket === '(') this.#push(newFrame('(', { given: bound ?? new Set() }))
    else if (bracket === '[' || bracket === '{')
      this.#push(newFrame(bracket, { pattern: this.#top.pattern || this.#startsPattern() }))
    else if (bracket === ')' && this.#top.open === '\\(') {
      this.#frames.pop()
      this.#string()
    } else this.#close(bracket)
  }

  /** Reads on in a string, to its end or to its next interpolation. */
  #string(): void {
    const { part, end } = readStringPart(this.#source, this.#at)
    if (end !== '"' && end !== '\\(') throw new ExpressionError('a string is never closed')
    this.#at += part.length + end.length
    this.#text += part + end
    if (end === '\\(') this.#push(newFrame('\\('))
  }

  #push(frame: Frame): void {
    if (this.#frames.length >= this.#maxDepth)
      throw new ExpressionError(`an expression nests at most ${MAX_DEPTH} deep`)
    this.#frames.push(frame)
  }

  #close(closer: string): void {
    const { open } = this.#top
    if (open !== (OPENED_BY[closer] ?? '('))
      throw new ExpressionError(
        open === 'program' ? `${closer} closes nothing` : `${closer} can't close ${open}`,
      )
    this.#frames.pop()
  }
}

function newFrame(open: Opening, more: { pattern?: boolean; given?: Set<string> } = {}): Frame {
  return {
    open,
    pattern: more.pattern ?? false,
    given: more.given ?? new Set(),
    bound: new Set(),
    head: false,
  }
}
