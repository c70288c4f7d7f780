import { didYouMean } from '../../crds/fault.ts'
import { Field, isRecord } from './field.ts'

/** What `use` defines by name. */
export const DEFINITION_KINDS = ['authentications', 'errors', 'functions', 'retries', 'timeouts'] as const
export type DefinitionKind = (typeof DEFINITION_KINDS)[number]

/** The definitions of one Workflow as they were written. */
export type Definitions = Record<DefinitionKind, Record<string, unknown>> & {
  /** The names in `use.secrets`. */
  secrets: readonly string[]
}

const SINGULAR: Record<DefinitionKind, string> = {
  authentications: 'authentication',
  errors: 'error',
  functions: 'function',
  retries: 'retry policy',
  timeouts: 'timeout',
}

/** The definition that a field names, as the field it was written in; reports a name that is not there. */
export function lookUp(reference: Field, kind: DefinitionKind, name: string): Field | undefined {
  const definitions = reference.scope.definitions[kind]
  if (!Object.hasOwn(definitions, name)) {
    const meant = didYouMean(name, Object.keys(definitions))
    return reference.fault(`names the ${SINGULAR[kind]} "${name}", which is not in use.${kind}${meant}`)
  }
  return definition(reference, kind, name)
}

/** A definition in its place under `use`, read in the scope of the field that refers to it. */
export function definition({ scope }: Field, kind: DefinitionKind, name: string): Field {
  return new Field(scope.definitions[kind][name], ['spec', 'use', kind, name], scope)
}

export function readDefinitions(use: unknown): Definitions {
  const members = isRecord(use) ? use : {}
  const of = (kind: string): Record<string, unknown> => {
    const value = members[kind]
    return isRecord(value) ? value : {}
  }
  return {
    authentications: of('authentications'),
    errors: of('errors'),
    functions: of('functions'),
    retries: of('retries'),
    timeouts: of('timeouts'),
    secrets: Array.isArray(members.secrets) ? members.secrets.filter((name) => typeof name === 'string') : [],
  }
}
