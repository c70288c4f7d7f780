import type { Plan } from '../plan.ts'

/** Names a Workflow. */
export type PlanName = Pick<Plan, 'namespace' | 'name'>

/** The plans that runs are started from, and those that runs under way are bound to. */
export interface PlanTable {
  /** Starts runs from this plan from now on. Throws a TypeError on a plan of another version of the format. */
  put(plan: Plan): void
  /** Starts none any more, and ends what is parked when it wakes. False: there was none. */
  remove(name: PlanName): boolean
  /** The plans with a trigger on the Webhook, in the order of their names. */
  triggeredBy(namespace: string, webhook: string): Plan[]
  /** The plan that a run of this generation is bound to; undefined when it is no longer kept. */
  find(name: PlanName, generation: number): Plan | undefined
  readonly size: number
}

/**
 * How many former generations of a Workflow are kept for parked runs. A run that is older when it wakes ends with a configuration
 * error: going on with tasks that are no longer the same could do harm.
 */
const KEPT_GENERATIONS = 10

export function createPlanTable(): PlanTable {
  const current = new Map<string, Plan>()
  const former = new Map<string, Plan[]>()
  const byWebhook = new Map<string, Map<string, Plan>>()

  const unlink = (plan: Plan): void => {
    for (const { webhook } of plan.triggers) {
      const key = `${plan.namespace}/${webhook}`
      const plans = byWebhook.get(key)
      plans?.delete(keyOf(plan))
      if (plans?.size === 0) byWebhook.delete(key)
    }
  }

  const link = (plan: Plan): void => {
    for (const { webhook } of plan.triggers) {
      const key = `${plan.namespace}/${webhook}`
      const plans = byWebhook.get(key) ?? new Map<string, Plan>()
      byWebhook.set(key, plans.set(keyOf(plan), plan))
    }
  }

  return {
    put(plan) {
      if (plan.version !== 1) throw new TypeError(`plan of version ${String(plan.version)}, not 1`)
      const key = keyOf(plan)
      const before = current.get(key)
      if (before) unlink(before)
      if (before && before.generation !== plan.generation)
        former.set(key, [before, ...(former.get(key) ?? [])].slice(0, KEPT_GENERATIONS))
      current.set(key, plan)
      link(plan)
    },

    remove(name) {
      const key = keyOf(name)
      const plan = current.get(key)
      if (plan) unlink(plan)
      former.delete(key)
      return current.delete(key)
    },

    triggeredBy: (namespace, webhook) =>
      [...(byWebhook.get(`${namespace}/${webhook}`)?.values() ?? [])].toSorted((a, b) =>
        a.name < b.name ? -1 : 1,
      ),

    find(name, generation) {
      const key = keyOf(name)
      const plan = current.get(key)
      if (plan?.generation === generation) return plan
      return former.get(key)?.find((candidate) => candidate.generation === generation)
    },

    get size() {
      return current.size
    },
  }
}

function keyOf({ namespace, name }: PlanName): string {
  return `${namespace}/${name}`
}
