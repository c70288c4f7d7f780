import type { ObjectMeta } from '../../crds/object.ts'
import { isAtLeast } from './version.ts'

/**
 * Objects by key, each in the newest version that has come: what a watch tells and what answers to writes
 * hold come in any order.
 */
export interface Latest<Kept> {
  get(key: string): Kept | undefined
  values(): Iterable<Kept>
  readonly size: number
  /**
   * Takes an object, or that there is none any more. Returns what was there before, and undefined when
   * nothing newer came.
   */
  set(key: string, object: Kept | undefined): { before: Kept | undefined } | undefined
}

export function createLatest<Kept extends { metadata: ObjectMeta }>(): Latest<Kept> {
  const objects = new Map<string, Kept>()
  return {
    get: (key) => objects.get(key),
    values: () => objects.values(),
    get size() {
      return objects.size
    },
    set(key, object) {
      const before = objects.get(key)
      if (object === undefined) return objects.delete(key) ? { before } : undefined
      if (before && isSameOrNewer(before.metadata, object.metadata)) return undefined
      objects.set(key, object)
      return { before }
    },
  }
}

/** Another object of the same name is newer, whatever its version. */
const isSameOrNewer = (a: ObjectMeta, b: ObjectMeta): boolean =>
  a.uid === b.uid && isAtLeast(a.resourceVersion, b.resourceVersion)
