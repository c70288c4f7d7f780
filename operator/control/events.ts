/** Kubernetes Events, as `kubectl describe` shows them. */
import { API_VERSION } from '../../crds/contract.ts'
import type { ObjectMeta } from '../../crds/object.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { EVENTS, resourcePath } from '../../kube/paths.ts'

/** What an Event is about. */
export interface Regarded {
  kind: 'Webhook' | 'Workflow'
  metadata: ObjectMeta
}

export interface Occurrence {
  type: 'Normal' | 'Warning'
  /** One word for programs. */
  reason: string
  /** What the operator was doing. */
  action: 'Compile' | 'Finalize'
  /** A sentence for people; holds no secret. */
  note: string
}

export interface EventRecorder {
  /**
   * Never rejects: an Event that can't be written is only logged. Of one object so many are written at once,
   * and then one now and then: what flips all the time tells nobody anything, and fills the API server.
   */
  record(regarding: Regarded, occurrence: Occurrence, api: ApiServer): Promise<void>
}

/** The API server takes no longer note, in bytes. */
const MAX_NOTE = 1024

/** As the spam filter of client-go: 25 at once, then one every five minutes, of the last 4096 objects. */
const BURST = 25
const REFILL_MS = 300_000
const MAX_OBJECTS = 4096

export function createEventRecorder(deps: {
  /** The process, among those of the operator. */
  instance: string
  now: () => number
  /** Makes the end of an Event's name, of letters and digits in lower case. */
  newSuffix: () => string
  onFault(error: Error): void
}): EventRecorder {
  const { instance, now, newSuffix, onFault } = deps
  /** How many Events each object may have at once, and since when. The one that had one last is the last. */
  const buckets = new Map<string, { tokens: number; at: number }>()

  function mayTell(uid: string): boolean {
    const time = now()
    const { tokens, at } = buckets.get(uid) ?? { tokens: BURST, at: time }
    const refilled = Math.min(BURST, tokens + Math.max(0, time - at) / REFILL_MS)
    const may = refilled >= 1
    buckets.delete(uid)
    buckets.set(uid, { tokens: may ? refilled - 1 : refilled, at: time })
    if (buckets.size > MAX_OBJECTS) buckets.delete(buckets.keys().next().value ?? '')
    return may
  }

  return {
    async record({ kind, metadata }, { type, reason, action, note }, api) {
      const namespace = metadata.namespace ?? 'default'
      if (!mayTell(metadata.uid ?? `${namespace}/${metadata.name}`)) return
      const body = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: `${metadata.name}.${newSuffix()}`, namespace },
        eventTime: new Date(now()).toISOString().replace('Z', '000Z'),
        reportingController: 'hooklet.dev/operator',
        reportingInstance: instance,
        regarding: { apiVersion: API_VERSION, kind, namespace, name: metadata.name, uid: metadata.uid },
        type,
        reason,
        action,
        note: Buffer.from(note).subarray(0, MAX_NOTE).toString('utf8').replace(/�$/, ''),
      }
      try {
        await api.send({ method: 'POST', path: resourcePath(EVENTS, { namespace }), body })
      } catch (error) {
        onFault(error as Error)
      }
    },
  }
}
