/**
 * The uids of objects whose end has been seen. The answer to a write may come after the watch has told that
 * the object is gone: it must not come to life again.
 */
export interface Removed {
  note(uid: string | undefined): void
  has(uid: string | undefined): boolean
  /** It was read since: what ended was only that it is watched, by a label that it lost. */
  forget(uid: string | undefined): void
}

/** Answers are late by seconds at most: the last so many ends are enough. */
const REMEMBERED = 50_000

export function createRemoved(): Removed {
  const uids = new Set<string>()
  return {
    note(uid) {
      if (uid === undefined) return
      uids.add(uid)
      if (uids.size > REMEMBERED) uids.delete(uids.values().next().value ?? '')
    },
    forget: (uid) => void (uid !== undefined && uids.delete(uid)),
    has: (uid) => uid !== undefined && uids.has(uid),
  }
}
