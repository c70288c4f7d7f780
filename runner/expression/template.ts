/**
 * Compiles the fields of a manifest. A string that is wholly `${ … }` is an expression; every other value is
 * what it says. Values that come with a call are never compiled.
 */
import type { Json } from '../../state/event.ts'
import { ExpressionError } from './expression.ts'
import type { Program, Value } from './expression.ts'
import { readProgram } from './tokens.ts'

/** Where a field stands and what its expressions may read. */
export interface Where {
  /** The field's path, to begin messages with. */
  field?: string
  /** The names of all variables that have a value there, without `$`. Absent: any. */
  variables?: Iterable<string>
}

/** The variables that every expression of a workflow may read. */
export const RUNTIME_VARIABLES = [
  'context',
  'input',
  'output',
  'secrets',
  'task',
  'workflow',
  'runtime',
  'globals',
] as const

const MAX_DEPTH = 100

/**
 * What the program of a value begins with. Gives the output of `f`; null when there is none, an error when
 * there is more than one.
 */
export const ONLY =
  'def only(f; $field): [limit(2; f)] | if length > 1 then error("the expression at \\($field) gives more than one value: wrap it in [ ]") else .[0] end; '

/**
 * Compiles a field that may hold expressions at any depth into one program, or into a literal when it holds
 * none.
 * @throws {ExpressionError} with one sentence for the field's author.
 */
export function compileValue(value: Json, where: Where = {}): Value {
  if (!holdsExpression(value, 0)) return { literal: value }
  if (typeof value === 'string') return compileText(value, where)
  const template = new Template(where)
  const text = template.write(value, where.field ?? '')
  return { jq: ONLY + text, variables: [...template.variables].toSorted() }
}

/**
 * Compiles a field that is an expression with or without `${ }` around it: `when`, `if`, `in`, `while`, `as`,
 * `from`.
 * @throws {ExpressionError} with one sentence for the field's author.
 */
export function compileExpression(text: string, where: Where = {}): Program {
  try {
    const reading = readProgram(unwrap(text) ?? text)
    checkVariables(reading.variables, where)
    return { jq: reading.text.trim(), variables: reading.variables }
  } catch (error) {
    if (!(error instanceof ExpressionError) || where.field === undefined) throw error
    throw new ExpressionError(`${where.field}: ${error.message}`, { cause: error })
  }
}

/** A text in a value must say `${ }` around its expression, and have nothing beside it. */
function compileText(text: string, where: Where): Program {
  if (unwrap(text) === undefined) {
    const place = where.field === undefined ? '' : `${where.field}: `
    throw new ExpressionError(
      `${place}an expression is the whole text; write it as one, for example \${ "Bearer \\($globals.TOKEN)" }`,
    )
  }
  return compileExpression(text, where)
}

/** The expression in a string that is wholly `${ … }`. */
function unwrap(text: string): string | undefined {
  return /^\s*\$\{([\s\S]*)\}\s*$/.exec(text)?.[1]
}

function checkVariables(read: string[], { variables }: Where): void {
  if (!variables) return
  const known = new Set(variables)
  const unknown = read.find((name) => !known.has(name))
  if (unknown === undefined) return
  const names = [...known].map((name) => `$${name}`).join(', ')
  throw new ExpressionError(
    `$${unknown} is not known here; ${names === '' ? 'there are no variables' : `there are ${names}`}`,
  )
}

function holdsExpression(value: Json, depth: number): boolean {
  if (depth > MAX_DEPTH) throw new ExpressionError(`a value nests at most ${MAX_DEPTH} deep`)
  if (typeof value === 'string') return value.includes('${')
  if (value === null || typeof value !== 'object') return false
  return Object.values(value).some((item) => holdsExpression(item, depth + 1))
}

/** Writes a value as the jq program that constructs it. */
class Template {
  readonly variables = new Set<string>()
  readonly #where: Where

  constructor(where: Where) {
    this.#where = where
  }

  write(value: Json, field: string): string {
    if (Array.isArray(value))
      return `[${value.map((item, index) => this.write(item, `${field}[${index}]`)).join(', ')}]`
    if (value !== null && typeof value === 'object') {
      const entries = Object.entries(value).map(
        ([key, item]) => `${literal(key)}: ${this.write(item, field === '' ? key : `${field}.${key}`)}`,
      )
      return `{${entries.join(', ')}}`
    }
    if (typeof value !== 'string' || !value.includes('${')) return literal(value)
    const program = compileText(value, { ...this.#where, field })
    for (const name of program.variables) this.variables.add(name)
    return `only(${program.jq}; ${literal(field)})`
  }
}

/** jq reads JSON text as the value itself; `\(` can't come up, because JSON doubles a backslash. */
function literal(value: Json): string {
  return JSON.stringify(value)
}
