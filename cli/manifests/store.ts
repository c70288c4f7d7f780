/**
 * The objects of a folder of manifests, kept as an API server would keep them: admitted, defaulted, with uid, generation and creation
 * time. A file with a fault is not taken: its last good version stays.
 */
import { createHash } from 'node:crypto'
import { formatPath, readDocuments } from './document.ts'
import type { Fault, ManifestDocument, Path } from './document.ts'
import { isManifest, listFiles, readIfThere } from './folder.ts'

/** A Kubernetes object, as far as every kind has it. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    uid?: string
    generation?: number
    creationTimestamp?: string
    [field: string]: unknown
  }
  [field: string]: unknown
}

/** Judges an object as the API server does on apply: defaults filled in, faults by path. */
export type Admit = (
  object: unknown,
  previous?: KubeObject,
) => { object: KubeObject; faults: { path: Path; message: string }[] }

/** An admitted object and where it came from. */
export interface StoredObject {
  object: KubeObject
  document: ManifestDocument
}

export interface ManifestStore {
  /**
   * Reads the folder again and tells what holds now. Files whose text is the same are not read twice. `faults` lists every file that is not
   * taken as it stands. Rejects when the folder can't be read.
   */
  load(): Promise<{ objects: StoredObject[]; faults: Fault[]; changed: boolean }>
}

interface FileEntry {
  text: string
  objects: StoredObject[]
  faults: Fault[]
}

/** The kinds that Hooklet reads; other Kubernetes objects in the folder are none of its business. */
const KINDS = new Set(['v1/ConfigMap', 'v1/Secret'])
const GROUP = 'hooklet.dev/'

export function createManifestStore(options: {
  root: string
  admit: Admit
  now: () => number
}): ManifestStore {
  const { root, admit, now } = options
  const files = new Map<string, FileEntry>()

  const known = (): Map<string, StoredObject> =>
    new Map([...files.values()].flatMap((entry) => entry.objects.map((stored) => [keyOf(stored.object), stored])))

  const takeFile = (file: string, text: string): FileEntry => {
    const before = known()
    const { documents, faults } = readDocuments(file, text)
    const objects: StoredObject[] = []
    for (const document of documents) {
      if (!isOurs(document.value)) continue
      const previous = before.get(keyOf(document.value))?.object
      const admitted = admit(document.value, previous)
      faults.push(...admitted.faults.map((fault) => placed(document, fault)))
      if (admitted.faults.length === 0)
        objects.push({ object: withServerFields(admitted.object, previous, now()), document })
    }
    if (faults.length === 0) return { text, objects, faults }
    return { text, objects: files.get(file)?.objects ?? [], faults }
  }

  return {
    async load() {
      const names = await listFiles(root, isManifest)
      let changed = false
      for (const gone of [...files.keys()].filter((file) => !names.includes(file)))
        changed = files.delete(gone) || changed
      for (const file of names) {
        const text = await readIfThere(file)
        if (text === undefined) changed = files.delete(file) || changed
        else if (files.get(file)?.text !== text) {
          files.set(file, takeFile(file, text))
          changed = true
        }
      }
      const { objects, faults } = withoutDoubles([...files.values()].flatMap((entry) => entry.objects))
      return { objects, faults: [...[...files.values()].flatMap((entry) => entry.faults), ...faults], changed }
    },
  }
}

/** Says a fault with its place in the file. */
export function placed(document: ManifestDocument, fault: { path: Path; message: string }): Fault {
  return {
    file: document.file,
    ...document.locate(fault.path),
    path: formatPath(fault.path),
    message: fault.message,
  }
}

/** `kind/namespace/name`. */
export function keyOf(object: KubeObject): string {
  return `${object.kind}/${object.metadata?.namespace ?? 'default'}/${object.metadata?.name}`
}

/** Whether a document is one of the objects that Hooklet reads; a wrong kind or version of its own group is, so that it gets its fault. */
export function isOurs(value: unknown): value is KubeObject {
  if (typeof value !== 'object' || value === null) return false
  const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown }
  if (typeof apiVersion !== 'string') return kind === 'Webhook' || kind === 'Workflow'
  return apiVersion.startsWith(GROUP) || KINDS.has(`${apiVersion}/${String(kind)}`)
}

/** What the API server adds to what a user applies. */
function withServerFields(object: KubeObject, previous: KubeObject | undefined, now: number): KubeObject {
  const sameSpec = JSON.stringify(previous?.['spec']) === JSON.stringify(object['spec'])
  const generation = previous?.metadata.generation ?? 0
  return {
    ...object,
    metadata: {
      ...object.metadata,
      namespace: object.metadata.namespace ?? 'default',
      uid: uidOf(keyOf(object)),
      generation: sameSpec && previous ? generation : generation + 1,
      creationTimestamp: previous?.metadata.creationTimestamp ?? new Date(now).toISOString(),
    },
  }
}

/** The same uid for the same object over restarts, in the form of a UUID (version 8: made by a hash, RFC 9562). */
function uidOf(key: string): string {
  const hex = createHash('sha256').update(key).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

function withoutDoubles(all: StoredObject[]): { objects: StoredObject[]; faults: Fault[] } {
  const first = new Map<string, StoredObject>()
  const faults: Fault[] = []
  for (const stored of all) {
    const key = keyOf(stored.object)
    const other = first.get(key)
    if (!other) first.set(key, stored)
    else
      faults.push(
        placed(stored.document, {
          path: ['metadata', 'name'],
          message: `${stored.object.kind} ${stored.object.metadata.name} is already in ${other.document.file}; this one is not taken.`,
        }),
      )
  }
  return { objects: [...first.values()], faults }
}
