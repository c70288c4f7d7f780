/**
 * Plans of former generations of a Workflow, for the runs that sleep since then. Each is the Secret of the
 * plan as it was before an edit, under another name and label, so that nobody who follows plans starts a run
 * by it; runners read one when a run that is bound to it wakes. It is as safe as the plan is: in the same
 * namespace, for the same readers.
 */
import type { ArtefactRef } from './artefact.ts'
import {
  ARTEFACT_LABEL,
  contentOf,
  GENERATION_ANNOTATION,
  SOURCE_UID_ANNOTATION,
  sourceOf,
  type ArtefactSecret,
} from './secret.ts'

/** Its value is `true`. */
export const FORMER_PLAN_LABEL = 'hooklet.dev/former-plan'
/** When the next generation took its place; RFC 3339. */
export const RETIRED_AT_ANNOTATION = 'hooklet.dev/retired-at'

/** What the Secret says of itself outside of its content. */
export interface FormerPlan extends ArtefactRef {
  /** Milliseconds since the epoch. */
  retiredAt: number
}

/** The Secret's name. Only a uid tells a Workflow from one of the same name before it. */
export function formerPlanName({ namespace, name, uid, generation }: ArtefactRef): string {
  return `former-plan.${namespace}.${name}.${uid}.${generation}`
}

/** The Secret that keeps what the plan's Secret holds. `now` in milliseconds since the epoch. */
export function encodeFormerPlan(plan: ArtefactSecret, { now }: { now: number }): ArtefactSecret {
  const { namespace, labels, annotations } = plan.metadata
  const { [ARTEFACT_LABEL]: _, ...rest } = labels ?? {}
  const ref = refOf(plan)
  if (ref === undefined) throw new Error('does not say of which Workflow it is')
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'hooklet.dev/former-plan',
    immutable: true,
    metadata: {
      name: formerPlanName(ref),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...rest, [FORMER_PLAN_LABEL]: 'true' },
      annotations: { ...annotations, [RETIRED_AT_ANNOTATION]: new Date(now).toISOString() },
    },
    ...(plan.data ? { data: plan.data } : {}),
  }
}

/**
 * The plan that the Secret keeps.
 * @throws {Error} with one sentence when it keeps none, or one that was tampered with. The content is not
 * told: it holds secrets.
 */
export function decodeFormerPlan(secret: ArtefactSecret): ArtefactRef {
  if (secret.metadata.labels?.[FORMER_PLAN_LABEL] === undefined)
    throw new Error('is not labelled as a former plan')
  const plan = contentOf(secret)
  if (formerPlanName(plan) !== secret.metadata.name) throw new Error('keeps the plan of another generation')
  return plan
}

/** Undefined when its metadata do not say what it keeps. */
export function readFormerPlan(secret: Pick<ArtefactSecret, 'metadata'>): FormerPlan | undefined {
  const ref = refOf(secret)
  const retiredAt = Date.parse(secret.metadata.annotations?.[RETIRED_AT_ANNOTATION] ?? '')
  return ref && Number.isFinite(retiredAt) ? { ...ref, retiredAt } : undefined
}

function refOf(secret: Pick<ArtefactSecret, 'metadata'>): ArtefactRef | undefined {
  const source = sourceOf(secret)
  const uid = secret.metadata.annotations?.[SOURCE_UID_ANNOTATION]
  const generation = Number(secret.metadata.annotations?.[GENERATION_ANNOTATION])
  return source && uid !== undefined && Number.isInteger(generation)
    ? { ...source, uid, generation }
    : undefined
}
