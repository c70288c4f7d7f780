import { isDeepStrictEqual } from 'node:util'
import type { ConditionDraft } from '../../crds/contract.ts'

/** A condition as it stands in a status. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  /** RFC 3339. */
  lastTransitionTime: string
  observedGeneration?: number
}

/** A status as far as it is compared; the rest is the resource's own. */
export interface Status {
  conditions?: Condition[]
  observedGeneration?: number
}

/** The API server takes no longer message. */
const MAX_MESSAGE = 32_768

/** Completes conditions. One whose status is as before keeps its time, in seconds as Kubernetes writes it. */
export function completeConditions(
  drafts: ConditionDraft[],
  former: Condition[] | undefined,
  { generation, now }: { generation: number; now: number },
): Condition[] {
  return drafts.map(({ type, status, reason, message }) => {
    const before = former?.find((condition) => condition.type === type)
    const lastTransitionTime =
      before?.status === status
        ? before.lastTransitionTime
        : new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
    return {
      type,
      status,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      lastTransitionTime,
      observedGeneration: generation,
    }
  })
}

/** The merge patch that leads from one status to the other; undefined when they are the same. */
export function statusPatch(former: object | undefined, wanted: object): object | undefined {
  if (isDeepStrictEqual(normal(former ?? {}), normal(wanted))) return undefined
  const gone = Object.keys(former ?? {}).filter((key) => !Object.hasOwn(wanted, key))
  return { ...wanted, ...Object.fromEntries(gone.map((key) => [key, null])) }
}

/** As it comes back from the API server: without what is undefined. */
const normal = (status: object): unknown => JSON.parse(JSON.stringify(status))
