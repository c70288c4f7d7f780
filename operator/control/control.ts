import type { ConditionDraft } from '../../crds/contract.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { nameOf } from '../source.ts'
import type { Expressions } from '../../runner/expression/expression.ts'
import type { TokenClaims } from '../tokens/token.ts'
import type { Bindings } from './bindings.ts'
import type { ObjectCache, Resource } from './cache.ts'
import type { Dependencies } from './dependencies.ts'
import type { EventRecorder } from './events.ts'
import type { FormerPlans } from './former-plans.ts'
import type { Publisher } from './publisher.ts'
import type { Urgency } from './queue.ts'
import { patchStatus } from './resources.ts'
import { completeConditions, statusPatch } from './status.ts'

/** What reconcilers work with while the operator leads. */
export interface Control {
  /** Its requests end when the operator no longer leads. */
  api: ApiServer
  cache: ObjectCache
  publisher: Publisher
  formerPlans: FormerPlans
  dependencies: Dependencies
  claims: TokenClaims<Webhook>
  bindings: Bindings
  events: EventRecorder
  expressions: Expressions
  /** What callers see in front of `/webhooks/`. */
  publicUrl: string
  /** The operator's own namespace, when its globals apply to all namespaces. */
  sharedNamespace?: string
  newToken(): string
  now(): number
  enqueue(key: string, urgency?: Urgency): void
}

type Reported<Kind extends Resource> = Omit<NonNullable<Kind['status']>, 'conditions' | 'observedGeneration'>

/**
 * Writes the status when it differs, once, and an Event when the resource became ready, is no longer, or is
 * not for another reason. The Event follows from the status that is written, so that a restart tells nothing
 * twice.
 */
export async function report<Kind extends Webhook | Workflow>(
  resource: Kind,
  found: { status: Reported<Kind>; conditions: ConditionDraft[] },
  { api, cache, events, now }: Control,
): Promise<void> {
  const name = nameOf(resource)
  const current = resource.kind === 'Webhook' ? cache.webhook(name) : cache.workflow(name)
  const former = (current ?? resource).status
  const generation = resource.metadata.generation ?? 1
  const conditions = completeConditions(found.conditions, former?.conditions, { generation, now: now() })
  const patch = statusPatch(former, { ...found.status, observedGeneration: generation, conditions })
  if (patch === undefined) return
  cache.take(await patchStatus<Webhook | Workflow>(resource, patch, api))
  const told = former?.conditions?.find(({ type }) => type === 'Ready')
  const ready = found.conditions.find(({ type }) => type === 'Ready')
  if (!ready) return
  const same = told?.status === ready.status && told.reason === ready.reason
  if (same && (ready.status === 'True' || told.message === ready.message)) return
  await events.record(
    resource,
    {
      type: ready.status === 'True' ? 'Normal' : 'Warning',
      reason: ready.reason,
      action: 'Compile',
      note: ready.message,
    },
    api,
  )
}
