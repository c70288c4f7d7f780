import type { Json, Program } from '../../runner/plan.ts'
import type { Reference } from '../references.ts'
import type { ObjectSource } from '../source.ts'
import { define, readAll, type Reading } from './data.ts'

/** Which globals are visible to a resource of the namespace. */
export interface GlobalsScope {
  namespace: string
  /** The operator's own namespace, when its globals apply to all namespaces (`--shared-globals`). */
  sharedNamespace?: string
}

/**
 * The globals as `$globals`. Where two ConfigMaps or Secrets hold the same key, the one whose name is later in the alphabet wins; the
 * namespace's own win over the shared ones.
 */
export async function readGlobals(
  source: ObjectSource,
  scope: GlobalsScope,
  reading: Reading,
): Promise<Record<string, Json>> {
  const globals: Record<string, Json> = {}
  for (const namespace of namespacesOf(scope).toReversed()) {
    const objects = await source.globals(namespace)
    for (const object of objects.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
      for (const [key, value] of Object.entries(readAll(object, reading))) define(globals, key, value)
    }
  }
  return globals
}

/** The members of a variable that programs read by name, such as `$globals.USER`; `all` when a program takes the variable as a whole. */
export function membersRead(programs: Program[], variable: string): Set<string> | 'all' {
  const names = new Set<string>()
  const use = new RegExp(
    String.raw`\$${variable}\b(?:\s*\.\s*([A-Za-z_]\w*)|\s*\.?\s*\[\s*"([^"\\]+)"\s*\]|\s*\.\s*"([^"\\]+)")?`,
    'g',
  )
  for (const program of programs) {
    if (!program.variables.includes(variable)) continue
    for (const [, dotted, bracketed, quoted] of program.jq.matchAll(use)) {
      const name = dotted ?? bracketed ?? quoted
      if (name === undefined) return 'all'
      names.add(name)
    }
  }
  return names
}

/** The member that a program gives as it is (`$globals.NAME`): nearly all do nothing else, and need no jq for it. */
export function soleMember({ jq }: Program, variable: string): string | undefined {
  const match = /^\$([A-Za-z_]\w*)\s*\.\s*([A-Za-z_]\w*)$/.exec(jq)
  return match?.[1] === variable ? match[2] : undefined
}

/** Whether a program says what to do when a member is missing (`//`), or asks about it. */
export const toleratesMissing = ({ jq }: Program): boolean => /(?<!:)\/\/|\?|\bhas\s*\(/.test(jq)

/** What to watch for programs that read these globals. */
export function globalReferences(read: Set<string> | 'all', scope: GlobalsScope): Reference[] {
  return namespacesOf(scope).flatMap((namespace): Reference[] =>
    read === 'all'
      ? [{ kind: 'Global', namespace }]
      : [...read].map((name): Reference => ({ kind: 'Global', namespace, name })),
  )
}

/** Only those members that are read, so that a compiled artefact holds no secret that it does not need. */
export function pick(globals: Record<string, Json>, read: Set<string> | 'all'): Record<string, Json> {
  if (read === 'all') return globals
  const picked: Record<string, Json> = {}
  for (const name of [...read].toSorted()) {
    const value = Object.hasOwn(globals, name) ? globals[name] : undefined
    if (value !== undefined) define(picked, name, value)
  }
  return picked
}

/** The namespace's own first. */
function namespacesOf({ namespace, sharedNamespace }: GlobalsScope): string[] {
  return sharedNamespace === undefined || sharedNamespace === namespace
    ? [namespace]
    : [namespace, sharedNamespace]
}
