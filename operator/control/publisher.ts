/** Keeps the artefacts in the operator's namespace as they were compiled. */
import { isDeepStrictEqual } from 'node:util'
import type { ArtefactRef } from '../../artefacts/artefact.ts'
import {
  decodeArtefact,
  encodeArtefact,
  artefactSecretName,
  isIntact,
  sourceOf,
  statedHash,
  ARTEFACT_LABEL,
  SOURCE_UID_ANNOTATION,
  type ArtefactKind,
  type ArtefactSecret,
} from '../../artefacts/secret.ts'
import { MERGE_PATCH, type ApiServer } from '../../kube/api-server.ts'
import { isConflict, isNotFound } from '../../kube/error.ts'
import type { ObjectName, ObjectSink } from '../../kube/follow.ts'
import { resourcePath, SECRETS } from '../../kube/paths.ts'
import type { Route } from '../../ingress/route.ts'
import type { Plan } from '../../runner/plan.ts'
import type { PublishedPlan } from '../source.ts'
import { createRemoved } from './removed.ts'
import { isAtLeast } from './version.ts'

export interface Publisher {
  /** For the artefacts of the namespace. */
  readonly sink: ObjectSink<ArtefactSecret>
  /**
   * Writes it unless it is there already. True when something was written. Throws an ApiError when the API
   * server refuses.
   */
  publish(kind: ArtefactKind, artefact: ArtefactRef, api: ApiServer): Promise<boolean>
  /** True when there was one. */
  withdraw(kind: ArtefactKind, source: ObjectName, api: ApiServer): Promise<boolean>
  /** The URL token of the route that was made of this very Webhook. */
  publishedToken(webhook: ObjectName, uid: string): string | undefined
  /** Whether there is one that was made of this very resource. */
  isPublished(kind: ArtefactKind, source: ObjectName, uid: string): boolean
  /** The uid of the resource that it was made of. */
  publishedUid(kind: ArtefactKind, source: ObjectName): string | undefined
  /** The plan of the Workflow as runners have it. */
  publishedPlan(workflow: ObjectName): PublishedPlan | undefined
  /** What is published, whether its source is still there or not. */
  published(): Iterable<PublishedArtefact>
}

export interface PublishedArtefact {
  kind: ArtefactKind
  source: ObjectName
}

interface Entry extends PublishedArtefact {
  /** The resource's. */
  uid: string
  secretUid: string | undefined
  version: string | undefined
  /** Undefined when someone changed the content. */
  hash: string | undefined
  /** Of a route. */
  token?: string
  /** Of a plan. */
  plan?: PublishedPlan
}

export interface PublisherOptions {
  /** The operator's. */
  namespace: string
  /** An artefact was changed or removed by someone else. */
  onForeignChange(artefact: PublishedArtefact): void
  /** A Workflow has a plan of another generation now, whoever wrote it, or none any more. */
  onPlan(workflow: ObjectName): void
}

export function createPublisher({ namespace, onForeignChange, onPlan }: PublisherOptions): Publisher {
  const entries = new Map<string, Entry>()
  const removed = createRemoved()
  const pathOf = (name?: string): string =>
    resourcePath(SECRETS, { namespace, ...(name === undefined ? {} : { name }) })

  function take(secret: ArtefactSecret): Entry | undefined {
    const { name } = secret.metadata
    const entry = readEntry(secret)
    if (!entry) return undefined
    const before = entries.get(name)
    if (isAtLeast(before?.version, entry.version)) return undefined
    entries.set(name, entry)
    if (!isDeepStrictEqual(before?.plan, entry.plan)) onPlan(entry.source)
    return entry
  }

  function drop(name: string, entry: Entry): void {
    entries.delete(name)
    if (entry.plan) onPlan(entry.source)
  }

  async function write(secret: ArtefactSecret, api: ApiServer): Promise<ArtefactSecret> {
    const { name } = secret.metadata
    const create = () => api.send<ArtefactSecret>({ method: 'POST', path: pathOf(), body: secret })
    const replace = () =>
      api.send<ArtefactSecret>({
        method: 'PATCH',
        path: pathOf(name),
        contentType: MERGE_PATCH,
        body: { metadata: secret.metadata, data: secret.data },
      })
    try {
      return await (entries.has(name) ? replace() : create())
    } catch (error) {
      if (isConflict(error)) return replace()
      if (isNotFound(error) && entries.has(name)) return create()
      throw error
    }
  }

  return {
    sink: {
      put(secret) {
        const before = entries.get(secret.metadata.name)
        const entry = take(secret)
        if (before && entry && entry.hash !== before.hash) onForeignChange(entry)
      },
      remove({ name }) {
        const entry = entries.get(name)
        if (!entry) return
        drop(name, entry)
        removed.note(entry.secretUid)
        onForeignChange(entry)
      },
    },

    async publish(kind, artefact, api) {
      const secret = encodeArtefact(artefact, { kind, namespace })
      const known = entries.get(secret.metadata.name)
      if (known?.hash === statedHash(secret)) return false
      const written = await write(secret, api)
      if (!removed.has(written.metadata.uid)) take(written)
      return true
    },

    async withdraw(kind, source, api) {
      const name = artefactSecretName(source, kind)
      const entry = entries.get(name)
      if (!entry) return false
      drop(name, entry)
      try {
        await api.send({ method: 'DELETE', path: pathOf(name) })
      } catch (error) {
        if (isNotFound(error)) return true
        entries.set(name, entry)
        if (entry.plan) onPlan(source)
        throw error
      }
      return true
    },

    publishedToken(webhook, uid) {
      const entry = entries.get(artefactSecretName(webhook, 'route'))
      return entry?.uid === uid ? entry.token : undefined
    },

    isPublished: (kind, source, uid) => entries.get(artefactSecretName(source, kind))?.uid === uid,
    publishedUid: (kind, source) => entries.get(artefactSecretName(source, kind))?.uid,
    publishedPlan: (workflow) => entries.get(artefactSecretName(workflow, 'plan'))?.plan,
    published: () => entries.values(),
  }
}

/** Undefined when the Secret does not say what it was made from. */
function readEntry(secret: ArtefactSecret): Entry | undefined {
  const { metadata } = secret
  const kind = metadata.labels?.[ARTEFACT_LABEL]
  const source = sourceOf(secret)
  if (source === undefined || (kind !== 'route' && kind !== 'plan')) return undefined
  const entry: Entry = {
    kind,
    source,
    uid: metadata.annotations?.[SOURCE_UID_ANNOTATION] ?? '',
    secretUid: metadata.uid,
    version: metadata.resourceVersion,
    hash: isIntact(secret) ? statedHash(secret) : undefined,
  }
  if (entry.hash === undefined) return entry
  const artefact = decodeArtefact(secret, kind)
  if (kind === 'route') return { ...entry, token: (artefact as Route).token }
  const { uid, generation, suspended } = artefact as Plan
  return { ...entry, plan: { uid, generation, suspended } }
}
