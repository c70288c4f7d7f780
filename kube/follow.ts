/**
 * Follows the objects of one resource type: a list in pages, then a watch from where the list ended, for as
 * long as it is not closed. It survives what happens to watches: their end, versions that are too old (410),
 * an API server that is away or restarts, and throttling.
 */
import type { IncomingMessage } from 'node:http'
import type { ApiServer } from './api-server.ts'
import { backoffMs, pause } from './backoff.ts'
import { ApiError, isExpired, readStatus } from './error.ts'
import { lines } from './lines.ts'

/** Any object of an API server. */
export interface ApiObject {
  metadata: { name: string; namespace?: string; resourceVersion?: string }
}

export interface ObjectName {
  namespace: string
  name: string
}

/**
 * Where what is followed goes. What either method throws is told to `onFault`; the object is not given again
 * until it changes.
 */
export interface ObjectSink<Followed> {
  /** An object that is new, or changed since it was put last. */
  put(object: Followed): void
  remove(name: ObjectName): void
}

export interface FollowOptions<Followed> {
  api: ApiServer
  /** Of the collection, as `resourcePath` makes it. */
  path: string
  labelSelector?: string
  /** Metadata only: objects come as `PartialObjectMetadata`. */
  metadataOnly?: boolean
  /** Objects a page of the list. Default 500. */
  pageSize?: number
  sink: ObjectSink<Followed>
  /** Told of every try that failed; following goes on. */
  onFault(error: Error): void
  random?: () => number
}

export interface Following {
  /** Resolves after the first complete list. Rejects when closed before. */
  readonly synced: Promise<void>
  /** Whether a watch is under way, so that changes are heard of. */
  isWatching(): boolean
  /**
   * Lists anew and watches from there: a watch whose connection has died without a word misses what happens
   * until that is noticed. Resolves when the sink is told of everything that was there when this was called.
   * Rejects when closed before.
   */
  refresh(): Promise<void>
  close(): Promise<void>
}

const PAGE_SIZE = 500
const LIST_TIMEOUT_MS = 60_000
const BACKOFF = { firstMs: 100, mostMs: 10_000 }
/** A watch is asked to end after 5 to 10 minutes, so that watches spread over the API servers anew. */
const WATCH_SECONDS = 300
/** The API server sends a bookmark about every minute: after this silence the connection is dead. */
const SILENCE_MS = 150_000
const SHORT_WATCH_MS = 1_000
const METADATA_ONLY = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
}

interface ListPage<Followed> {
  metadata: { resourceVersion?: string; continue?: string }
  /** Null where a list of metadata is empty. */
  items: Followed[] | null
}

interface WatchEvent<Followed> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: Followed
}

/** Begins at once. */
export function followObjects<Followed extends ApiObject>(options: FollowOptions<Followed>): Following {
  const { random = Math.random, onFault } = options
  const closing = new AbortController()
  const { signal } = closing
  const first = Promise.withResolvers<void>()
  // Who does not wait for it need not hear of its rejection.
  first.promise.catch(() => undefined)
  const known = new KnownObjects(options)
  let watching = false
  /** Ends the list, watch or pause that is under way. */
  let round = new AbortController()
  let asked: PromiseWithResolvers<void> | undefined

  async function follow(): Promise<void> {
    let failures = 0
    /** Where the next watch begins; undefined asks for a list. */
    let version: string | undefined
    while (!signal.aborted) {
      round = new AbortController()
      const either = AbortSignal.any([signal, round.signal])
      const refreshing = asked
      if (refreshing) version = undefined
      try {
        if (version === undefined) {
          version = await list(options, known, either)
          first.resolve()
          refreshing?.resolve()
          if (asked === refreshing) asked = undefined
        }
        const stream = await openWatch(version, { ...options, random, signal: either })
        watching = true
        const begun = performance.now()
        for await (const event of readEvents<Followed>(stream)) {
          failures = 0
          version = known.take(event)
        }
        // A watch may end at any time; one that ends again and again at once is a fault.
        if (performance.now() - begun < SHORT_WATCH_MS) throw new Error('the watch ended at once')
      } catch (error) {
        if (signal.aborted) break
        watching = false
        if (round.signal.aborted) continue
        if (isExpired(error)) version = undefined
        else onFault(error as Error)
        const atLeastMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
        await pause(Math.max(atLeastMs, backoffMs(failures, { ...BACKOFF, random })), either)
        failures += 1
      }
    }
    watching = false
    const closed = new Error('following was closed before the list was complete')
    first.reject(closed)
    asked?.reject(closed)
  }

  const following = follow()
  return {
    synced: first.promise,
    isWatching: () => watching,
    refresh() {
      if (signal.aborted) return Promise.reject(new Error('following is closed'))
      asked ??= Promise.withResolvers<void>()
      // Also a list: it may have begun before.
      round.abort()
      return asked.promise
    },
    async close() {
      closing.abort()
      await following
    },
  }
}

/** What was given to the sink, so that it is told of differences only. */
class KnownObjects<Followed extends ApiObject> {
  readonly #versions = new Map<string, string | undefined>()
  readonly #options: Pick<FollowOptions<Followed>, 'sink' | 'onFault'>

  constructor(options: Pick<FollowOptions<Followed>, 'sink' | 'onFault'>) {
    this.#options = options
  }

  /** Returns the version that the event leads to. */
  take({ type, object }: WatchEvent<Followed>): string | undefined {
    if (type === 'DELETED') this.remove(keyOf(object))
    else if (type !== 'BOOKMARK') this.put(object)
    return object.metadata.resourceVersion
  }

  put(object: Followed): void {
    const key = keyOf(object)
    const { resourceVersion } = object.metadata
    if (this.#versions.has(key) && this.#versions.get(key) === resourceVersion) return
    this.#versions.set(key, resourceVersion)
    this.#guarded(() => this.#options.sink.put(object))
  }

  remove(key: string): void {
    if (!this.#versions.delete(key)) return
    const separator = key.indexOf('/')
    const name = { namespace: key.slice(0, separator), name: key.slice(separator + 1) }
    this.#guarded(() => this.#options.sink.remove(name))
  }

  /** Removes all but these. */
  keep(present: Set<string>): void {
    for (const key of this.#versions.keys()) if (!present.has(key)) this.remove(key)
  }

  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.onFault(error as Error)
    }
  }
}

/** Reads all pages. Returns the version that the list speaks of. */
async function list<Followed extends ApiObject>(
  options: FollowOptions<Followed>,
  known: KnownObjects<Followed>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { api, path, labelSelector, metadataOnly, pageSize = PAGE_SIZE } = options
  const present = new Set<string>()
  let more: string | undefined
  for (;;) {
    const page: ListPage<Followed> = await api.send({
      method: 'GET',
      path,
      query: { labelSelector, limit: String(pageSize), continue: more },
      ...(metadataOnly ? { accept: METADATA_ONLY.list } : {}),
      timeoutMs: LIST_TIMEOUT_MS,
      signal,
    })
    for (const object of page.items ?? []) {
      present.add(keyOf(object))
      known.put(object)
    }
    more = page.metadata.continue
    if (more === undefined || more === '') {
      known.keep(present)
      return page.metadata.resourceVersion
    }
  }
}

function openWatch<Followed>(
  version: string | undefined,
  options: FollowOptions<Followed> & { random: () => number; signal: AbortSignal },
): Promise<IncomingMessage> {
  const { api, path, labelSelector, metadataOnly, random, signal } = options
  return api.open({
    method: 'GET',
    path,
    query: {
      labelSelector,
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + random()))),
    },
    ...(metadataOnly ? { accept: METADATA_ONLY.watch } : {}),
    signal,
  })
}

/** The events of a watch until it ends. Throws when it breaks. */
async function* readEvents<Followed>(stream: IncomingMessage): AsyncGenerator<WatchEvent<Followed>> {
  stream.setTimeout(SILENCE_MS, () => stream.destroy(new Error('the API server fell silent')))
  try {
    for await (const line of lines(stream)) {
      const event = JSON.parse(line) as WatchEvent<Followed>
      if (event.type === 'ERROR') throw readStatus(500, JSON.stringify(event.object))
      yield event
    }
  } finally {
    stream.destroy()
  }
}

/** Objects that have no namespace have an empty one here. */
function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`
}
