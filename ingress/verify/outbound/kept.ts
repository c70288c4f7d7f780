import type { Fetched } from '../verifier.ts'

export interface KeptOptions {
  /** Milliseconds since 1970. */
  now: () => number
  /** How many are kept; the one not used for the longest time goes first. */
  capacity?: number
}

/**
 * How long an answer that it is not there is kept, and one that it can't be told: long enough to hold back a
 * flood.
 */
const INVALID_MS = 60_000
const UNAVAILABLE_MS = 5_000

interface Entry<Value> {
  fetched: Fetched<Value>
  readAt: number
  /** From then on it is read again. */
  expiresAt: number
  /** Until then it may be used while it can't be read again. */
  usableUntil: number
}

/**
 * Keeps what was read, by its key: read once however many ask at the same time. Failures are kept apart and
 * shortly, so that a flood of keys which lead nowhere can't push out what is in use.
 */
export function createKept<Value>({ now, capacity = 1_000 }: KeptOptions) {
  const found = createRecent<Entry<Value>>(capacity)
  const failed = createRecent<Entry<Value>>(capacity)
  const pending = new Map<string, Promise<Fetched<Value>>>()

  function store(key: string, readAt: number, read: Read<Value>): Fetched<Value> {
    const { fetched, expiresAt = readAt, usableUntil = expiresAt, isPassing = false } = read
    if (isPassing) return fetched
    if (fetched.kind === 'found') {
      failed.delete(key)
      found.set(key, { fetched, readAt, expiresAt, usableUntil })
    } else {
      const keptUntil = readAt + (fetched.kind === 'invalid' ? INVALID_MS : UNAVAILABLE_MS)
      failed.set(key, { fetched, readAt, expiresAt: keptUntil, usableUntil: keptUntil })
      if (fetched.kind === 'invalid') found.delete(key)
    }
    return fetched
  }

  /**
   * At once where it is kept. `read` must not reject. With `maxAgeMs`, only what was read within that time
   * counts; without it, what was read before is used on while it can't be read again.
   */
  return function get(
    key: string,
    read: () => Promise<Read<Value>>,
    maxAgeMs = Infinity,
  ): Fetched<Value> | Promise<Fetched<Value>> {
    const time = now()
    const isFresh = ({ expiresAt, readAt }: Entry<Value>): boolean =>
      time < expiresAt && time - readAt <= maxAgeMs
    const kept = found.get(key)
    if (kept && isFresh(kept)) return kept.fetched
    const orKept = (fetched: Fetched<Value>): Fetched<Value> =>
      fetched.kind === 'unavailable' &&
      maxAgeMs === Infinity &&
      kept !== undefined &&
      now() < kept.usableUntil
        ? kept.fetched
        : fetched
    const failure = failed.get(key)
    if (failure && isFresh(failure)) return orKept(failure.fetched)
    const running = pending.get(key)
    if (running !== undefined) return running.then(orKept)
    const promise = read()
      .then((result) => store(key, time, result))
      .finally(() => pending.delete(key))
    pending.set(key, promise)
    return promise.then(orKept)
  }
}

/** What a read gave and, if it was found, until when it holds. */
export interface Read<Value> {
  fetched: Fetched<Value>
  /** Milliseconds since 1970. */
  expiresAt?: number
  /** When it is later: until then it is used if it can't be read again. */
  usableUntil?: number
  /** It was not even tried: the next who asks may have better luck. */
  isPassing?: boolean
}

/** A map of so many entries; over that, the one not read for the longest time goes. */
function createRecent<Value>(capacity: number) {
  const entries = new Map<string, Value>()
  return {
    get(key: string): Value | undefined {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set(key: string, value: Value): void {
      entries.delete(key)
      entries.set(key, value)
      for (const oldest of entries.keys()) {
        if (entries.size <= capacity) break
        entries.delete(oldest)
      }
    },
    delete: (key: string): boolean => entries.delete(key),
  }
}
