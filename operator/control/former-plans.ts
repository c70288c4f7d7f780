/**
 * The plans of former generations, for runs that sleep since then: kept before the next generation takes
 * their place, and deleted with the Workflow, when there are too many, or when no run can be that old.
 */
import { encodeFormerPlan, formerPlanName, readFormerPlan, type FormerPlan } from '../../artefacts/former.ts'
import { artefactSecretName, GENERATION_ANNOTATION, type ArtefactSecret } from '../../artefacts/secret.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { isConflict, isNotFound } from '../../kube/error.ts'
import type { ObjectName, ObjectSink } from '../../kube/follow.ts'
import { resourcePath, SECRETS } from '../../kube/paths.ts'
import type { PublishedPlan } from '../source.ts'
import type { MetadataOnly } from './cache.ts'

/** How many former generations of a Workflow are kept; its runners keep as many. */
const KEPT_GENERATIONS = 10
/** A wait is 366 days at most, and a run that nobody takes up is forgotten a week later. */
const KEPT_MS = 400 * 86_400_000

export interface FormerPlans {
  /** For the metadata of the Secrets. */
  readonly sink: ObjectSink<MetadataOnly>
  /**
   * Keeps the plan that is published now, before that of a later generation takes its place. Throws an
   * ApiError when the API server refuses.
   */
  keep(workflow: ObjectName, published: PublishedPlan, api: ApiServer): Promise<void>
  /** Deletes what is not worth keeping; all, when there is no Workflow any more. */
  prune(workflow: ObjectName, present: { uid: string } | undefined, api: ApiServer): Promise<void>
  /** The Workflows that {@link prune} would delete something of. */
  outdated(uidOf: (workflow: ObjectName) => string | undefined): ObjectName[]
}

export function createFormerPlans({
  namespace,
  now,
}: {
  /** The operator's. */
  namespace: string
  now: () => number
}): FormerPlans {
  /** By the Workflow, then by the Secret's name. */
  const kept = new Map<string, Map<string, FormerPlan>>()
  const owners = new Map<string, string>()
  const pathOf = (name?: string): string =>
    resourcePath(SECRETS, { namespace, ...(name === undefined ? {} : { name }) })

  function note(secret: MetadataOnly): void {
    const plan = readFormerPlan(secret)
    if (plan === undefined) return
    const key = keyOf(plan)
    const plans = kept.get(key) ?? new Map<string, FormerPlan>()
    kept.set(key, plans.set(secret.metadata.name, plan))
    owners.set(secret.metadata.name, key)
  }

  function drop(name: string): void {
    const key = owners.get(name) ?? ''
    owners.delete(name)
    const plans = kept.get(key)
    plans?.delete(name)
    if (plans?.size === 0) kept.delete(key)
  }

  /** The names of the Secrets that go. */
  function surplus(workflow: ObjectName, uid: string | undefined): string[] {
    const plans = [...(kept.get(keyOf(workflow)) ?? [])].toSorted(
      ([, a], [, b]) => b.generation - a.generation,
    )
    const own = plans.filter(([, plan]) => plan.uid === uid)
    const worthKeeping = own
      .slice(0, KEPT_GENERATIONS)
      .filter(([, { retiredAt }]) => now() - retiredAt < KEPT_MS)
    const names = new Set(worthKeeping.map(([name]) => name))
    return plans.flatMap(([name]) => (names.has(name) ? [] : [name]))
  }

  return {
    sink: { put: note, remove: ({ name }) => drop(name) },

    async keep(workflow, published, api) {
      const name = formerPlanName({ ...workflow, ...published })
      if (owners.has(name)) return
      try {
        const path = pathOf(artefactSecretName(workflow, 'plan'))
        const plan = await api.send<ArtefactSecret>({ method: 'GET', path })
        // Another operator was faster.
        if (plan.metadata.annotations?.[GENERATION_ANNOTATION] !== String(published.generation)) return
        const body = encodeFormerPlan(plan, { now: now() })
        note(await api.send<MetadataOnly>({ method: 'POST', path: pathOf(), body }))
      } catch (error) {
        // It is kept already, or somebody has deleted the plan, so that there is nothing to keep.
        if (!isConflict(error) && !isNotFound(error)) throw error
      }
    },

    async prune(workflow, present, api) {
      for (const name of surplus(workflow, present?.uid)) {
        try {
          await api.send({ method: 'DELETE', path: pathOf(name) })
        } catch (error) {
          if (!isNotFound(error)) throw error
        }
        drop(name)
      }
    },

    outdated: (uidOf) =>
      [...kept.values()].flatMap((plans) => {
        const [first] = plans.values()
        if (!first) return []
        const workflow = { namespace: first.namespace, name: first.name }
        return surplus(workflow, uidOf(workflow)).length > 0 ? [workflow] : []
      }),
  }
}

const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`
