import type { Plan } from '../plan.ts'

/** Names a Workflow. */
export type PlanName = Pick<Plan, 'namespace' | 'name'>

/** A Workflow as it stood: of this uid, at this generation. */
export type PlanRef = Pick<Plan, 'namespace' | 'name' | 'uid' | 'generation'>

/** Where plans come from, asked about a single one. */
export interface PlanSource {
  /** The plan as it is there now; undefined when it is gone. Rejects when that can't be told now. */
  read(name: PlanName): Promise<Plan | undefined>
  /**
   * The plan of a former generation; undefined when it is not kept, or never was. Rejects as {@link read}.
   */
  readFormer(ref: PlanRef): Promise<Plan | undefined>
}

/** The plans that runs are started from, and those that runs under way are bound to. */
export interface PlanTable {
  /**
   * Starts runs from this plan from now on, unless a later one of the same Workflow is there. Throws a
   * TypeError on a plan of another version of the format.
   */
  put(plan: Plan): void
  /** Starts none any more, and ends what is parked when it wakes. False: there was none. */
  remove(name: PlanName): boolean
  /** The plans with a trigger on the Webhook, in the order of their names. */
  triggeredBy(namespace: string, webhook: string): readonly Plan[]
  /** The plan of whatever Workflow has this name now. */
  current(name: PlanName): Plan | undefined
  /**
   * The plan by which to start what was accepted for this Workflow: of the same uid and this generation, or a
   * later one. Undefined when the table does not know of it, or not yet: {@link confirm} tells which.
   */
  startable(ref: PlanRef): Plan | undefined
  /**
   * Asks the source, however late the table is: the plan of this Workflow as it stands now, or undefined when
   * the Workflow is gone, be it that another one has its name. Who asks for the same at the same time shares
   * one request. Rejects when the source can't be asked now.
   */
  confirm(ref: PlanRef): Promise<Plan | undefined>
  /**
   * The plan that a run of this generation is bound to, as far as the table knows; {@link bound} knows more.
   */
  find(workflow: Omit<PlanRef, 'generation'>, generation: number): Plan | undefined
  /**
   * The plan that a run of this generation is bound to, also when this process never knew it. Undefined when
   * the Workflow is gone, or was edited so often since that the plan is no longer kept. Rejects when the
   * source has to be asked and can't be now.
   */
  bound(ref: PlanRef): Promise<Plan | undefined>
  readonly size: number
}

/**
 * How many former generations of a Workflow are kept for parked runs. A run that is older when it wakes ends
 * with a configuration error: going on with tasks that are no longer the same could do harm.
 */
const KEPT_GENERATIONS = 10

/** Without a source, the table is all there is to know. */
export function createPlanTable(source?: PlanSource): PlanTable {
  const current = new Map<string, Plan>()
  const former = new Map<string, Plan[]>()
  /** In the order of their names, see {@link PlanTable.triggeredBy}. */
  const byWebhook = new Map<string, readonly Plan[]>()
  const asked = new Map<string, Promise<Plan | undefined>>()

  const unlink = (plan: Plan): void => {
    for (const { webhook } of plan.triggers) {
      const key = `${plan.namespace}/${webhook}`
      const plans = byWebhook.get(key)?.filter((one) => one !== plan) ?? []
      if (plans.length === 0) byWebhook.delete(key)
      else byWebhook.set(key, plans)
    }
  }

  const link = (plan: Plan): void => {
    for (const { webhook } of plan.triggers) {
      const key = `${plan.namespace}/${webhook}`
      const others = byWebhook.get(key)?.filter((one) => one !== plan) ?? []
      byWebhook.set(
        key,
        [...others, plan].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      )
    }
  }

  /** What was edited stays for runs under way; what another Workflow of the same name had does not. */
  const retire = (before: Plan, plan: Plan): void => {
    const key = keyOf(plan)
    if (before.uid !== plan.uid) former.delete(key)
    else if (before.generation !== plan.generation)
      former.set(key, [before, ...(former.get(key) ?? [])].slice(0, KEPT_GENERATIONS))
  }

  /** Runs that sleep since the same edit come one after the other. */
  const remember = (plan: Plan): Plan => {
    const key = keyOf(plan)
    // Unless the Workflow has gone meanwhile.
    if (current.get(key)?.uid === plan.uid)
      former.set(key, [plan, ...(former.get(key) ?? [])].slice(0, KEPT_GENERATIONS))
    return plan
  }

  async function ask(name: PlanName): Promise<Plan | undefined> {
    if (source === undefined) return current.get(keyOf(name))
    const plan = await source.read(name)
    return plan && checked(plan)
  }

  async function askFormer(ref: PlanRef, from: PlanSource): Promise<Plan | undefined> {
    const plan = await from.readFormer(ref)
    return plan && remember(checked(plan))
  }

  /** Who asks for the same at the same time shares one request. */
  function shared(key: string, ask: () => Promise<Plan | undefined>): Promise<Plan | undefined> {
    const underWay = asked.get(key)
    if (underWay) return underWay
    const asking = ask().finally(() => asked.delete(key))
    asked.set(key, asking)
    return asking
  }

  return {
    put(plan) {
      const key = keyOf(checked(plan))
      const before = current.get(key)
      if (before?.uid === plan.uid && before.generation > plan.generation) return
      if (before) {
        unlink(before)
        retire(before, plan)
      }
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

    triggeredBy: (namespace, webhook) => byWebhook.get(`${namespace}/${webhook}`) ?? [],

    current: (name) => current.get(keyOf(name)),

    startable(ref) {
      const plan = current.get(keyOf(ref))
      return plan?.uid === ref.uid && plan.generation >= ref.generation ? plan : undefined
    },

    async confirm(ref) {
      const plan = await shared(keyOf(ref), () => ask(ref))
      return plan?.uid === ref.uid ? plan : undefined
    },

    find(workflow, generation) {
      const key = keyOf(workflow)
      const known = [current.get(key), ...(former.get(key) ?? [])]
      return known.find((plan) => plan?.uid === workflow.uid && plan.generation === generation)
    },

    async bound(ref) {
      const known = this.find(ref, ref.generation)
      if (known || source === undefined) return known
      const present = await this.confirm(ref)
      // Of a Workflow that was deleted nothing goes on.
      if (present === undefined || present.generation === ref.generation) return present
      return await shared(`${ref.uid}/${ref.generation}`, () => askFormer(ref, source))
    },

    get size() {
      return current.size
    },
  }
}

function keyOf({ namespace, name }: PlanName): string {
  return `${namespace}/${name}`
}

function checked(plan: Plan): Plan {
  if (plan.version !== 1)
    throw new TypeError(
      `is a plan of version ${String(plan.version)}, and this runner reads version 1: upgrade the runner, or compile by an operator of its version`,
    )
  return plan
}
