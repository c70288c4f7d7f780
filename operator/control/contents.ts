import type { ConfigMap, Secret } from '../../crds/object.ts'
import type { Reference } from '../references.ts'
import type { ObjectName } from '../source.ts'
import { isAtLeast } from './version.ts'

export type Referenced = ConfigMap | Secret

/** Reads one object; undefined when it is not there. */
export type ReadReferenced = (kind: Referenced['kind'], name: ObjectName) => Promise<Referenced | undefined>

/**
 * What Secrets and ConfigMaps hold. Of most it is only known that they are there, and in which version: one
 * is read when something refers to it, and kept as long as its version is the current one. So no tenant's
 * Secret is in memory that no resource refers to.
 */
export interface Contents {
  /** The object is there in this version; undefined: it is not there. */
  setVersion(kind: Referenced['kind'], name: ObjectName, version: string | undefined): void
  get(kind: Referenced['kind'], name: ObjectName): Promise<Referenced | undefined>
  /** Drops what nothing reads any more. */
  retain(isRead: (reference: Reference) => boolean): void
}

interface Entry {
  kind: Referenced['kind']
  name: ObjectName
  version: string
  object: Promise<Referenced | undefined>
}

export function createContents(read: ReadReferenced): Contents {
  const versions = new Map<string, string>()
  const entries = new Map<string, Entry>()

  return {
    setVersion(kind, name, version) {
      const key = keyOf(kind, name)
      if (version === undefined) versions.delete(key)
      else versions.set(key, version)
      const entry = entries.get(key)
      if (entry && (version === undefined || !isAtLeast(entry.version, version))) entries.delete(key)
    },

    async get(kind, name) {
      const key = keyOf(kind, name)
      const version = versions.get(key)
      if (version === undefined) return undefined
      const known = entries.get(key)
      if (known) return known.object
      const entry = { kind, name, version, object: read(kind, name) }
      entries.set(key, entry)
      try {
        const object = await entry.object
        // What was read may be newer than what the watch has brought by now.
        entry.version = object?.metadata.resourceVersion ?? version
        return object
      } catch (error) {
        if (entries.get(key) === entry) entries.delete(key)
        throw error
      }
    },

    retain(isRead) {
      for (const [key, { kind, name }] of entries) if (!isRead({ kind, ...name })) entries.delete(key)
    },
  }
}

const keyOf = (kind: Referenced['kind'], { namespace, name }: ObjectName): string =>
  `${kind}/${namespace}/${name}`
