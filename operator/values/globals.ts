import type { Json } from '../../runner/plan.ts'
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
 * The globals as `$globals`. Where two ConfigMaps or Secrets hold the same key, the one whose name is later
 * in the alphabet wins; the namespace's own win over the shared ones.
 */
export function readGlobals(
  source: ObjectSource,
  scope: GlobalsScope,
  reading: Reading,
): Record<string, Json> {
  const globals: Record<string, Json> = {}
  for (const object of objectsOf(source, scope))
    for (const [key, value] of Object.entries(readAll(object, reading))) define(globals, key, value)
  return globals
}

/** The names of those globals that are of a Secret. */
export function globalsInSecrets(source: ObjectSource, scope: GlobalsScope): Set<string> {
  const names = new Set<string>()
  for (const object of objectsOf(source, scope))
    for (const key of Object.keys(readAll(object, 'json'))) {
      if (object.kind === 'Secret') names.add(key)
      else names.delete(key)
    }
  return names
}

/** Those that win come last. */
function objectsOf(source: ObjectSource, scope: GlobalsScope): ReturnType<ObjectSource['globals']> {
  return namespacesOf(scope)
    .toReversed()
    .flatMap((namespace) =>
      source.globals(namespace).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    )
}

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
