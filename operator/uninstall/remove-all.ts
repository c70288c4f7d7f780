import { FINALIZER } from '../../crds/contract.ts'
import { MERGE_PATCH, type ApiServer } from '../../kube/api-server.ts'
import { isConflict, isNotFound } from '../../kube/error.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { resourcePath, type ResourceType } from '../../kube/paths.ts'
import type { Log } from '../../process/log.ts'
import { WEBHOOKS, WORKFLOWS } from '../control/resources.ts'

export interface RemovalDeps {
  api: ApiServer
  log: Log
  /** Between two looks at what is left. */
  pause(): Promise<void>
  /**
   * After so many looks in which no Webhook went, no operator is thought to take them out of service, and
   * their finalizers are taken off.
   */
  patience: number
  /** Objects a page of a list. */
  pageSize?: number
}

interface Metadata extends ObjectName {
  uid: string
  resourceVersion: string
  deletionTimestamp?: string
  finalizers?: string[]
}

interface Page {
  metadata: { continue?: string }
  /** Null where there are none. */
  items: { metadata: Metadata }[] | null
}

const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
/** How many requests are under way at a time. */
const PARALLEL = 16

/**
 * Deletes all Webhooks and Workflows of the cluster, and waits until the operator has taken the Webhooks out
 * of service: for an uninstallation that takes the CRDs along, which would wait for their finalizers for
 * ever. Rejects when something else keeps a Webhook.
 */
export async function removeAll(deps: RemovalDeps): Promise<void> {
  const { log, pause, patience } = deps
  let fewest = Infinity
  let without = 0
  for (let left = await list(WEBHOOKS, deps); left.length > 0; left = await list(WEBHOOKS, deps)) {
    // Among them what has been made since the last look.
    await remove(WEBHOOKS, left, deps)
    without = left.length < fewest ? 0 : without + 1
    fewest = Math.min(fewest, left.length)
    if (without > patience) {
      await release(left, deps)
      break
    }
    await pause()
  }
  await remove(WORKFLOWS, await list(WORKFLOWS, deps), deps)
  const kept = await list(WEBHOOKS, deps)
  if (kept.length > 0)
    throw new Error(
      `${kept.length} Webhooks are kept by finalizers of others: ${kept.slice(0, 10).map(shown).join(', ')}`,
    )
  log.info({}, 'All Webhooks and Workflows are gone')
}

const shown = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`

/** Where the CRD is gone, there are none. */
async function list(type: ResourceType, { api, pageSize = 500 }: RemovalDeps): Promise<Metadata[]> {
  const found: Metadata[] = []
  let from: string | undefined
  try {
    do {
      const page = await api.send<Page>({
        method: 'GET',
        path: resourcePath(type),
        query: { limit: String(pageSize), continue: from },
        accept: METADATA_ONLY,
      })
      found.push(...(page.items ?? []).map(({ metadata }) => metadata))
      from = page.metadata.continue || undefined
    } while (from !== undefined)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return found
}

async function remove(type: ResourceType, found: Metadata[], { api, log }: RemovalDeps): Promise<void> {
  const standing = found.filter(({ deletionTimestamp }) => deletionTimestamp === undefined)
  if (standing.length === 0) return
  log.info({ count: standing.length, type: type.plural }, 'Resources are deleted')
  await forEach(standing, ({ namespace, name, uid }) =>
    api.send({
      method: 'DELETE',
      path: resourcePath(type, { namespace, name }),
      body: { preconditions: { uid } },
    }),
  )
}

/** Takes our finalizer off, and no other. */
async function release(found: Metadata[], { api, log }: RemovalDeps): Promise<void> {
  log.warn({ count: found.length }, 'No operator takes these Webhooks out of service; they are let go')
  await forEach(found, ({ namespace, name, uid, resourceVersion, finalizers = [] }) =>
    api.send({
      method: 'PATCH',
      path: resourcePath(WEBHOOKS, { namespace, name }),
      contentType: MERGE_PATCH,
      body: {
        metadata: { uid, resourceVersion, finalizers: finalizers.filter((each) => each !== FINALIZER) },
      },
    }),
  )
}

/** What is gone or has changed meanwhile is looked at again, or need not be. */
async function forEach(found: Metadata[], act: (metadata: Metadata) => Promise<unknown>): Promise<void> {
  const waiting = found.values()
  const work = async (): Promise<void> => {
    for (const metadata of waiting)
      await act(metadata).catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error
      })
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
}
