import type { ConfigMap, Secret } from '../../crds/object.ts'
import type { KeyRef, ValueSource } from '../../crds/types.gen.ts'
import type { Path } from '../../crds/fault.ts'
import { ExpressionError, type Expressions } from '../../runner/expression/expression.ts'
import { membersRead, soleMember, toleratesMissing } from '../../runner/expression/members.ts'
import { compileValue } from '../../runner/expression/template.ts'
import type { Json, Program } from '../../runner/plan.ts'
import type { Result, Problem } from '../problem.ts'
import type { Reference } from '../references.ts'
import type { ObjectSource } from '../source.ts'
import { readKey } from './data.ts'
import { globalReferences, pick, readGlobals, type GlobalsScope } from './globals.ts'

/** Resolves the value sources of one resource and notes what it read. */
export interface ValueResolver {
  /** The value. An empty one is a problem unless it was written down as such (`value: ''`). */
  resolve(valueSource: ValueSource, path: Path): Promise<Result<string>>
  /** The value under a key of a Secret. */
  secretKey(ref: KeyRef, path: Path): Promise<Result<string>>
  readonly references: Reference[]
}

export function createValueResolver(deps: {
  source: ObjectSource
  expressions: Expressions
  scope: GlobalsScope
}): ValueResolver {
  const { source, expressions, scope } = deps
  const references: Reference[] = []
  // Read once a resource, and only if a value asks for it.
  let globals: Record<string, Json> | undefined

  const readRef = async (
    kind: 'ConfigMap' | 'Secret',
    { name, key }: KeyRef,
    path: Path,
  ): Promise<Result<string>> => {
    const { namespace } = scope
    references.push({ kind, namespace, name })
    const object = await (kind === 'Secret'
      ? source.secret({ namespace, name })
      : source.configMap({ namespace, name }))
    return valueOfKey(object, { kind, name, key }, path)
  }

  const evaluate = async (program: Program, path: Path): Promise<Result<string>> => {
    const stranger = program.variables.find((variable) => variable !== 'globals')
    if (stranger !== undefined) {
      return invalid(path, `reads $${stranger}, but only $globals can be read here`)
    }
    const read = membersRead([program], 'globals')
    references.push(...globalReferences(read, scope))
    const known = (globals ??= readGlobals(source, scope, 'digits-kept'))
    const missing = read === 'all' ? undefined : [...read].find((name) => !Object.hasOwn(known, name))
    if (missing !== undefined && !toleratesMissing(program)) {
      return problem(
        'NotFound',
        path,
        `reads the global ${missing}, which no labelled ConfigMap or Secret has: add it`,
      )
    }
    const member = soleMember(program, 'globals')
    if (member !== undefined) return asText(known[member] ?? null, path)
    try {
      return asText(await expressions.evaluate(program, null, { globals: pick(known, read) }), path)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      // What jq says may quote a value, and values may be secret.
      return invalid(path, 'has an expression that fails: check it against the globals')
    }
  }

  return {
    references,
    async resolve({ value, valueFrom }, path) {
      if (value === undefined) {
        const { secretKeyRef, configMapKeyRef } = valueFrom ?? {}
        if (secretKeyRef) return readRef('Secret', secretKeyRef, [...path, 'valueFrom', 'secretKeyRef'])
        if (configMapKeyRef)
          return readRef('ConfigMap', configMapKeyRef, [...path, 'valueFrom', 'configMapKeyRef'])
        return problem('NotFound', path, 'has neither value nor valueFrom: set one of them')
      }
      const at = [...path, 'value']
      try {
        const compiled = compileValue(value)
        if ('jq' in compiled) return await evaluate(compiled, at)
        return { value }
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error
        return invalid(at, `has a fault in its expression: ${error.message}`)
      }
    },
    secretKey: (ref, path) => readRef('Secret', ref, path),
  }
}

function valueOfKey(
  object: ConfigMap | Secret | undefined,
  { kind, name, key }: KeyRef & { kind: 'ConfigMap' | 'Secret' },
  path: Path,
): Result<string> {
  if (!object)
    return problem('NotFound', path, `refers to the ${kind} ${name}, which does not exist: create it`)
  let value: string | undefined
  try {
    value = readKey(object, key)
  } catch {
    return invalid(path, `refers to the key ${key} of the ${kind} ${name}, which is not UTF-8 text`)
  }
  if (value === undefined) {
    return problem(
      'NotFound',
      path,
      `refers to the key ${key}, which the ${kind} ${name} does not have: add it`,
    )
  }
  if (value === '')
    return problem(
      'EmptyValue',
      path,
      `refers to the key ${key} of the ${kind} ${name}, which is empty: fill it`,
    )
  return { value }
}

function asText(result: Json, path: Path): Result<string> {
  if (result === '')
    return problem('EmptyValue', path, 'has an expression that gives an empty text: fill the global')
  if (result === null)
    return problem('NotFound', path, 'has an expression that gives null: is the global there?')
  if (typeof result === 'object') {
    return invalid(path, 'has an expression that gives a list or an object: a text is needed')
  }
  return { value: String(result) }
}

function problem(reason: Problem['reason'], path: Path, message: string): { problem: Problem } {
  return { problem: { reason, path, message } }
}

const invalid = (path: Path, message: string): { problem: Problem } =>
  problem('InvalidExpression', path, message)
