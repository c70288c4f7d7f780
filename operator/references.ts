import { isGlobals, namespaceOf, type SourceObject } from './source.ts'

/**
 * Something that a compile step read, or looked for in vain. When it changes, what was compiled from it must
 * be compiled again, and nothing else.
 */
export type Reference =
  | { kind: 'ConfigMap' | 'Secret' | 'Webhook'; namespace: string; name: string }
  /** One global by name; without a name, all of the namespace. */
  | { kind: 'Global'; namespace: string; name?: string }
  /** The Workflows with a trigger that names this Webhook. */
  | { kind: 'WorkflowsOf'; namespace: string; name: string }
  /** The token that was made for this Webhook. */
  | { kind: 'GeneratedToken'; namespace: string; name: string }
  /** The published plan of this Workflow. */
  | { kind: 'Plan'; namespace: string; name: string }

export const referenceKey = ({ kind, namespace, name }: Reference): string =>
  `${kind}/${namespace}/${name ?? '*'}`

/** Each reference once, in the order of their keys. */
export function distinctReferences(references: Iterable<Reference>): Reference[] {
  const byKey = new Map([...references].map((reference) => [referenceKey(reference), reference]))
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, reference]) => reference)
}

/**
 * What a change touches. Either side may be absent: an object that was added or deleted. Of globals, only
 * those whose value differs count.
 */
export function touchedReferences(
  before: SourceObject | undefined,
  after: SourceObject | undefined,
): Reference[] {
  const object = after ?? before
  if (!object) return []
  const namespace = namespaceOf(object)
  const { name } = object.metadata
  if (object.kind === 'Webhook') return [{ kind: 'Webhook', namespace, name }]
  if (object.kind === 'Workflow') {
    const webhooks = [before, after].flatMap((side) => (side?.kind === 'Workflow' ? side.spec.triggers : []))
    return distinctReferences(
      webhooks.map(({ webhook }) => ({ kind: 'WorkflowsOf', namespace, name: webhook })),
    )
  }
  return [{ kind: object.kind, namespace, name }, ...touchedGlobals(before, after, namespace)]
}

function touchedGlobals(
  before: SourceObject | undefined,
  after: SourceObject | undefined,
  namespace: string,
): Reference[] {
  const older = globalEntries(before)
  const newer = globalEntries(after)
  const names = new Set([...older.keys(), ...newer.keys()])
  const changed = [...names].filter((name) => older.get(name) !== newer.get(name))
  if (changed.length === 0) return []
  return [
    { kind: 'Global', namespace },
    ...changed.map((name): Reference => ({ kind: 'Global', namespace, name })),
  ]
}

function globalEntries(object: SourceObject | undefined): Map<string, string> {
  if (!object || object.kind === 'Webhook' || object.kind === 'Workflow' || !isGlobals(object))
    return new Map()
  return new Map(Object.entries(object.data ?? {}))
}

/** Who read what: the answer to "this changed, what must be compiled again?". */
export interface DependencyIndex {
  /** Replaces what the dependent is known to have read; an empty list forgets it. */
  set(dependent: string, references: Reference[]): void
  /** The dependents that read any of these, each once. */
  dependents(references: Reference[]): string[]
}

export function createDependencyIndex(): DependencyIndex {
  const readers = new Map<string, Set<string>>()
  const readBy = new Map<string, string[]>()
  return {
    set(dependent, references) {
      for (const key of readBy.get(dependent) ?? []) {
        const set = readers.get(key)
        set?.delete(dependent)
        if (set?.size === 0) readers.delete(key)
      }
      const keys = references.map(referenceKey)
      if (keys.length === 0) readBy.delete(dependent)
      else readBy.set(dependent, keys)
      for (const key of keys) {
        const set = readers.get(key)
        if (set) set.add(dependent)
        else readers.set(key, new Set([dependent]))
      }
    },
    dependents: (references) => [
      ...new Set(references.flatMap((reference) => [...(readers.get(referenceKey(reference)) ?? [])])),
    ],
  }
}
