/**
 * The objects of a folder of manifests, kept as an API server would keep them: admitted, defaulted, with uid,
 * generation and creation time. A file with a fault is not taken: its last good version stays.
 */
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { GROUP } from '../../crds/contract.ts'
import { formatPath } from '../../crds/fault.ts'
import type { Fault } from '../../crds/fault.ts'
import type { Admission, Resource } from '../admission/admission.ts'
import { readDocuments } from './document.ts'
import type { ManifestDocument, PlacedFault } from './document.ts'
import { isManifest, listFiles, readIfThere } from './folder.ts'

/** An admitted object and where it came from. */
export interface StoredObject {
  object: Resource
  document: ManifestDocument
}

export interface ManifestStore {
  /**
   * Reads the folder again and tells what holds now. Files whose text is the same are not read twice.
   * `faults` lists every file that is not taken as it stands. Rejects when the folder can't be read.
   */
  load(): Promise<{ objects: StoredObject[]; faults: PlacedFault[]; changed: boolean }>
}

interface FileEntry {
  text: string
  objects: StoredObject[]
  faults: PlacedFault[]
}

/** The kinds that Hooklet reads; other Kubernetes objects in the folder are none of its business. */
const CORE_KINDS = new Set(['v1/ConfigMap', 'v1/Secret'])
const OWN_KINDS = new Set(['Webhook', 'Workflow'])

export function createManifestStore(options: {
  root: string
  admission: Admission
  now: () => number
}): ManifestStore {
  const { root, admission, now } = options
  const files = new Map<string, FileEntry>()
  let unreadBefore = ''

  const known = (): Map<string, StoredObject> =>
    new Map(
      [...files.values()].flatMap((entry) => entry.objects.map((stored) => [keyOf(stored.object), stored])),
    )

  /** `before`: all objects as they were before this reading; one may have moved here from another file. */
  const takeFile = (file: string, text: string, before: Map<string, StoredObject>): FileEntry => {
    const { documents, faults } = readDocuments(file, text)
    const objects: StoredObject[] = []
    for (const document of documents) {
      if (!isOurs(document.value)) continue
      const previous = before.get(claimedKey(document.value))?.object
      const admitted = admission.admit(document.value, previous)
      faults.push(...admitted.faults.map((fault) => placed(document, fault)))
      if (admitted.object)
        objects.push({ object: withServerFields(admitted.object, previous, now()), document })
    }
    if (faults.length === 0) return { text, objects, faults }
    return { text, objects: files.get(file)?.objects ?? [], faults }
  }

  return {
    async load() {
      const names = await listFiles(root, isManifest)
      const before = known()
      let changed = false
      for (const gone of [...files.keys()].filter((file) => !names.includes(file)))
        changed = files.delete(gone) || changed
      const unread: PlacedFault[] = []
      for (const file of names) {
        let text: string | undefined
        try {
          text = await readIfThere(file)
        } catch (error) {
          // One file must not keep all others from being served.
          unread.push(unreadable(file, error))
          continue
        }
        if (text === undefined) changed = files.delete(file) || changed
        else if (files.get(file)?.text !== text) {
          files.set(file, takeFile(file, text, before))
          changed = true
        }
      }
      const unreadNow = JSON.stringify(unread)
      if (unreadNow !== unreadBefore) changed = true
      unreadBefore = unreadNow
      const { objects, faults } = withoutDoubles([...files.values()].flatMap((entry) => entry.objects))
      return {
        objects,
        faults: [...unread, ...[...files.values()].flatMap((entry) => entry.faults), ...faults],
        changed,
      }
    },
  }
}

function unreadable(file: string, error: unknown): PlacedFault {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return { file, path: '', line: 1, column: 1, message: `can't be read (${code})` }
}

/** Says a fault with its place in the file. */
export function placed(document: ManifestDocument, fault: Fault): PlacedFault {
  return {
    file: document.file,
    ...document.locate(fault.path),
    path: formatPath(fault.path),
    message: fault.message,
  }
}

/** `kind/namespace/name`. */
export function keyOf({ kind, metadata }: Pick<Resource, 'kind' | 'metadata'>): string {
  return claimedKey({ kind, metadata })
}

/** The key of an object that was not judged yet; metadata may be anything. */
function claimedKey({ kind, metadata }: { kind?: unknown; metadata?: unknown }): string {
  const { namespace = 'default', name } = (metadata ?? {}) as { namespace?: unknown; name?: unknown }
  return `${String(kind)}/${String(namespace)}/${String(name)}`
}

/**
 * Whether a document is one of the objects that Hooklet reads. One of its own group with a wrong kind or
 * version is, so that it gets its fault.
 */
function isOurs(value: unknown): value is { kind?: unknown; metadata?: unknown } {
  if (typeof value !== 'object' || value === null) return false
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown }
  return (
    OWN_KINDS.has(String(kind)) ||
    String(apiVersion).startsWith(`${GROUP}/`) ||
    CORE_KINDS.has(`${String(apiVersion)}/${String(kind)}`)
  )
}

/** What the API server adds to what a user applies. */
function withServerFields(object: Resource, previous: Resource | undefined, now: number): Resource {
  const sameSpec = previous !== undefined && isDeepStrictEqual(specOf(previous), specOf(object))
  const generation = previous?.metadata.generation ?? 0
  const metadata = {
    ...object.metadata,
    namespace: object.metadata.namespace ?? 'default',
    uid: uidOf(keyOf(object)),
    generation: sameSpec ? generation : generation + 1,
    creationTimestamp: previous?.metadata.creationTimestamp ?? new Date(now).toISOString(),
  }
  return { ...object, metadata }
}

function specOf(object: Resource): unknown {
  return 'spec' in object ? object.spec : undefined
}

/**
 * The same uid for the same object over restarts, in the form of a UUID (version 8: made by a hash, RFC
 * 9562).
 */
function uidOf(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

function withoutDoubles(all: StoredObject[]): { objects: StoredObject[]; faults: PlacedFault[] } {
  const first = new Map<string, StoredObject>()
  const faults: PlacedFault[] = []
  for (const stored of all) {
    const key = keyOf(stored.object)
    const other = first.get(key)
    if (!other) first.set(key, stored)
    else
      faults.push(
        placed(stored.document, {
          path: ['metadata', 'name'],
          message: `${stored.object.kind} ${stored.object.metadata.name} is in ${other.document.file}, too, and that one is taken`,
        }),
      )
  }
  return { objects: [...first.values()], faults }
}
