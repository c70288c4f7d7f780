import { didYouMean, closest, type Fault, type Path } from '../../crds/fault.ts'
import { ExpressionError } from '../../runner/expression/expression.ts'
import { compileExpression, compileValue, RUNTIME_VARIABLES } from '../../runner/expression/template.ts'
import type { Json, Program, TaskPlan, Value } from '../../runner/plan.ts'
import type { Definitions } from './definitions.ts'

/** What reading a Workflow finds, each with its place. */
export interface Report {
  /** Mistakes of the author. */
  faults: Fault[]
  /** Constructs that are right, and can't be run yet. */
  unsupported: Fault[]
  /** Every expression, for jq to compile. */
  programs: { program: Program; path: Path }[]
  /** How many tasks were read, those of functions once for each call. */
  tasks: number
}

/** What holds around a field. */
export interface Scope {
  report: Report
  /** Variables that have a value here, without `$`; `any` for a definition, whose place of use gives them. */
  variables: readonly string[] | 'any'
  definitions: Definitions
  /** Compiles a list of tasks; given by the list's own file, so that task files need not import it. */
  compileTasks(list: Field, pointer: string): TaskPlan[]
  /** Compiles one task, as {@link Scope.compileTasks} does. */
  compileTask(task: Field, place: TaskPlace): TaskPlan | undefined
  /** How many lists of tasks are around. */
  depth: number
  /** The functions that are being expanded, to find one that calls itself. */
  functions: readonly string[]
}

export interface TaskPlace {
  name: string
  /** JSON pointer in the spec. */
  pointer: string
  /** The names that `then` may say: those of the same list. */
  siblings: readonly string[]
}

/** A value of a Workflow with its place. Reading it reports what is wrong with it. */
export class Field {
  readonly value: unknown
  readonly path: Path
  readonly scope: Scope

  constructor(value: unknown, path: Path, scope: Scope) {
    this.value = value
    this.path = path
    this.scope = scope
  }

  child(key: string | number, value: unknown): Field {
    return new Field(value, [...this.path, key], this.scope)
  }

  /** The same field where more variables have a value. */
  withVariables(...names: string[]): Field {
    const { variables } = this.scope
    return variables === 'any' ? this : this.in({ variables: [...variables, ...names] })
  }

  in(scope: Partial<Scope>): Field {
    return new Field(this.value, this.path, { ...this.scope, ...scope })
  }

  fault(message: string): undefined {
    this.scope.report.faults.push({ path: this.path, message })
    return undefined
  }

  unsupported(message: string): undefined {
    this.scope.report.unsupported.push({ path: this.path, message })
    return undefined
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of an object by name; those that are not there are absent. */
export type Fields = Partial<Record<string, Field>>

/**
 * Reads an object that has all of `required` and any of `optional`. A key that is neither is a fault, once:
 * the required one that it stands for is not reported as missing, too.
 */
export function readObject(
  field: Field,
  { required = [], optional = [] }: { required?: readonly string[]; optional?: readonly string[] },
): Fields | undefined {
  if (!isRecord(field.value)) return field.fault(`must be an object with ${list([...required, ...optional])}`)
  const known = [...required, ...optional]
  const entries = Object.entries(field.value)
  const meant = new Set<string | undefined>()
  for (const [key, value] of entries) {
    if (known.includes(key)) continue
    meant.add(closest(key, known))
    field
      .child(key, value)
      .fault(
        `is not a field here${didYouMean(key, known) || (known.length > 0 ? `, there are ${list(known)}` : '')}`,
      )
  }
  for (const name of required) {
    if (!Object.hasOwn(field.value, name) && !meant.has(name))
      field.child(name, undefined).fault('is required')
  }
  return Object.fromEntries(
    entries.filter(([key]) => known.includes(key)).map(([key, value]) => [key, field.child(key, value)]),
  )
}

/** `a, b and c`. */
export function list(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** An expression with or without `${ }`. */
export function readExpression(field: Field | undefined): Program | undefined {
  if (!field) return undefined
  if (typeof field.value !== 'string') return field.fault('must be a text with an expression')
  return attempt(field, () => {
    const program = compileExpression(String(field.value), knownHere(field))
    field.scope.report.programs.push({ program, path: field.path })
    return program
  })
}

/** Any JSON with `${ }` expressions in it. */
export function readValue(field: Field | undefined): Value | undefined {
  if (!field) return undefined
  if (!checkLeaves(field)) return undefined
  return attempt(field, () =>
    compileValue(field.value as Json, { field: String(field.path.at(-1)), ...knownHere(field) }),
  )
}

/** A whole expression with or without `${ }`, or an object with expressions in it: `as`, `from`. */
export function readExpressionOrObject(field: Field | undefined): Value | undefined {
  if (typeof field?.value === 'string') return readExpression(field)
  if (field && !isRecord(field.value))
    return field.fault('must be an expression, or an object with expressions')
  return readValue(field)
}

/** Compiles every expression on its own, so that a fault is reported where it stands. */
function checkLeaves(field: Field): boolean {
  const { value } = field
  if (typeof value === 'string') {
    if (!value.includes('${')) return true
    const program = attempt(field, () => compileValue(value, knownHere(field)))
    if (program && 'jq' in program) field.scope.report.programs.push({ program, path: field.path })
    return program !== undefined
  }
  if (Array.isArray(value))
    return value.map((item, index) => checkLeaves(field.child(index, item))).every(Boolean)
  if (!isRecord(value)) return true
  return Object.entries(value)
    .map(([key, item]) => checkLeaves(field.child(key, item)))
    .every(Boolean)
}

function knownHere({ scope: { variables } }: Field): { variables?: readonly string[] } {
  return variables === 'any' ? {} : { variables }
}

function attempt<Result>(field: Field, compile: () => Result): Result | undefined {
  try {
    return compile()
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return field.fault(`has a fault in its expression: ${error.message}`)
  }
}

export function readText(field: Field | undefined): string | undefined {
  if (!field) return undefined
  if (typeof field.value === 'string' && field.value !== '') return field.value
  return field.fault(`must be a text${typeof field.value === 'number' ? ': put it in quotes' : ''}`)
}

export function readBoolean(field: Field | undefined): boolean | undefined {
  if (!field) return undefined
  return typeof field.value === 'boolean' ? field.value : field.fault('must be true or false')
}

export function readInteger(field: Field | undefined, low: number, high: number): number | undefined {
  if (!field) return undefined
  const { value } = field
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value
  return field.fault(`must be a whole number from ${low} to ${high}`)
}

export function readChoice<Choice extends string>(
  field: Field | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (!field) return undefined
  const found = choices.find((choice) => choice === field.value)
  if (found !== undefined) return found
  const meant = typeof field.value === 'string' ? didYouMean(field.value, choices) : ''
  return field.fault(`must be one of ${choices.join(', ')}${meant}`)
}

/** A name for a variable, as jq allows it. */
export function readVariableName(field: Field | undefined, fallback: string): string {
  if (!field) return fallback
  const { value } = field
  if (typeof value !== 'string' || !/^[A-Za-z_]\w*$/.test(value)) {
    field.fault('must be a name of letters, digits and _ for a variable, without $')
    return fallback
  }
  if (RESERVED_VARIABLES.has(value))
    field.fault(`is the name of a variable that is always there: choose another than ${value}`)
  return value
}

const RESERVED_VARIABLES: ReadonlySet<string> = new Set([
  ...RUNTIME_VARIABLES,
  'ENV',
  '__loc__',
  '__prog_args',
])
