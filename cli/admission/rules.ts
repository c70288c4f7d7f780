import { Environment } from '@marcbachmann/cel-js'
import type { Fault, Path } from '../../crds/fault.ts'
import type { Schema } from '../../crds/schema.ts'
import { childSchema, isRecord } from './schema.ts'

/** One entry of `x-kubernetes-validations`, compiled. */
interface Rule {
  message: string
  /** A transition rule: it reads `oldSelf`, so that it holds only for changes. */
  transition: boolean
  holds(variables: { self: unknown; oldSelf?: unknown }): boolean
}

/** Checks what JSON Schema can't: the CEL rules and the uniqueness of list entries. */
export interface RuleChecker {
  /**
   * The faults at and below `value`. Nothing is checked where `schemaFaults` already found the data
   * malformed.
   */
  check(value: unknown, previous: unknown, schemaFaults: Fault[]): Fault[]
}

/**
 * Compiles every rule of the schema, at every level. A rule that can't be compiled throws: the CRD would not
 * be accepted by an API server either.
 */
export function createRuleChecker(schema: Schema): RuleChecker {
  const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false })
  const compiled = new Map<Schema, Rule[]>()
  compileAll(environment, schema, compiled)
  return {
    check(value, previous, schemaFaults) {
      const faults: Fault[] = []
      const malformed = new Set(schemaFaults.flatMap(({ path }) => prefixes(path)))
      walk({ compiled, malformed, faults }, schema, [], { self: value, oldSelf: previous })
      return faults
    },
  }
}

function compileAll(environment: Environment, schema: Schema, compiled: Map<Schema, Rule[]>): void {
  const rules = schema['x-kubernetes-validations']?.map(({ rule, message }): Rule => {
    const program = environment.parse(rule)
    const transition = /\boldSelf\b/.test(rule)
    return {
      message,
      transition,
      holds(variables) {
        try {
          return program(variables) === true
        } catch {
          // As in an API server: a rule that fails to evaluate is a rule that does not hold.
          return false
        }
      },
    }
  })
  if (rules) compiled.set(schema, rules)
  for (const child of [
    ...Object.values(schema.properties ?? {}),
    schema.items,
    schema.additionalProperties,
  ]) {
    if (child) compileAll(environment, child, compiled)
  }
}

interface Walk {
  compiled: Map<Schema, Rule[]>
  malformed: Set<string>
  faults: Fault[]
}

function walk(state: Walk, schema: Schema, path: Path, values: { self: unknown; oldSelf: unknown }): void {
  const { self, oldSelf } = values
  if (self === undefined || self === null) return
  if (!state.malformed.has(JSON.stringify(path))) {
    const variables = { self: toCel(schema, self), oldSelf: toCel(schema, oldSelf) }
    for (const rule of state.compiled.get(schema) ?? []) {
      if (rule.transition && oldSelf === undefined) continue
      if (!rule.holds(variables)) state.faults.push({ path, message: rule.message })
    }
    state.faults.push(...duplicates(schema, path, self))
  }
  if (Array.isArray(self)) {
    // Entries of lists are not matched with older ones: none of our transition rules is inside a list.
    const { items } = schema
    if (items)
      for (const [index, item] of self.entries())
        walk(state, items, [...path, index], { self: item, oldSelf: undefined })
  } else if (isRecord(self)) {
    for (const [key, member] of Object.entries(self)) {
      const field = childSchema(schema, key)
      const older = isRecord(oldSelf) ? oldSelf[key] : undefined
      if (field) walk(state, field, [...path, key], { self: member, oldSelf: older })
    }
  }
}

/** The second and further entries of a list of type `set` or `map` that equal an earlier one. */
function duplicates(schema: Schema, path: Path, value: unknown): Fault[] {
  const type = schema['x-kubernetes-list-type']
  if (!Array.isArray(value) || (type !== 'set' && type !== 'map')) return []
  const keys = schema['x-kubernetes-list-map-keys']
  const seen = new Set<string>()
  const faults: Fault[] = []
  for (const [index, item] of value.entries()) {
    const identity = JSON.stringify(keys && isRecord(item) ? keys.map((key) => item[key]) : item)
    if (seen.has(identity)) {
      const what = keys ? `the same ${keys.join(' and ')} as an entry before` : 'the same as an entry before'
      faults.push({ path: [...path, index], message: `is ${keys ? 'of ' : ''}${what}: remove one` })
    }
    seen.add(identity)
  }
  return faults
}

/** CEL knows whole numbers and floating-point ones apart; the schema tells which is which. */
function toCel(schema: Schema | undefined, value: unknown): unknown {
  if (schema?.type === 'integer' && Number.isInteger(value)) return BigInt(value as number)
  if (Array.isArray(value)) return Array.from(value, (item) => toCel(schema?.items, item))
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, member]) => [key, toCel(schema && childSchema(schema, key), member)]),
    )
  }
  return value
}

function prefixes(path: Path): string[] {
  return Array.from({ length: path.length + 1 }, (_, length) => JSON.stringify(path.slice(0, length)))
}
