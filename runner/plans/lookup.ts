/** Finds plans for events and runs, and waits where the table is behind and its source can't be asked. */
import type { Clock } from '../../state/clock.ts'
import { Halted } from '../run/run.ts'
import type { Log } from '../../process/log.ts'
import { elapsed } from '../patience.ts'
import type { Plan } from '../plan.ts'
import type { Soon } from '../soon.ts'
import type { PlanRef, PlanTable } from './table.ts'

/**
 * Each waits for as long as the source is away, and rejects with {@link Halted} when the runner stops before.
 */
export interface PlanLookup {
  /**
   * The plan by which to start what was accepted for this Workflow, of this generation or a later one;
   * undefined when the Workflow is gone.
   */
  startable(ref: PlanRef): Soon<Plan | undefined>
  /**
   * The plan that a run is bound to; undefined when the Workflow is gone, or was edited so often since that
   * the plan is not kept.
   */
  bound(ref: PlanRef): Promise<Plan | undefined>
}

export interface PlanLookupDeps {
  plans: PlanTable
  clock: Clock
  halt: AbortSignal
  log: Log
}

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 8_000
/**
 * How often a source is asked that knows an older generation than the event names. Plans are published before
 * the routes that name them, so that it knows the named one at once, unless somebody has put an older one
 * back.
 */
const TRIES_IF_OLDER = 5

export function createPlanLookup({ plans, clock, halt, log }: PlanLookupDeps): PlanLookup {
  /** Asks until the source answers. `isLate` tells of an answer that it is not the last word. */
  async function ask(
    ref: PlanRef,
    read: () => Promise<Plan | undefined>,
    isLate: (plan: Plan | undefined, tries: number) => boolean,
  ): Promise<Plan | undefined> {
    const { namespace, name: workflow, generation } = ref
    let pauseMs = FIRST_PAUSE_MS
    for (let tries = 1; ; tries += 1) {
      if (halt.aborted) throw new Halted()
      try {
        const plan = await read()
        if (!isLate(plan, tries)) return plan
      } catch (error) {
        if (tries === 1)
          log.warn({ namespace, workflow, generation, err: error }, 'Plan can not be read; its runs wait')
      }
      await elapsed(clock, pauseMs, halt)
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
    }
  }

  return {
    startable(ref) {
      return (
        plans.startable(ref) ??
        ask(
          ref,
          // The table may have caught up meanwhile.
          async () => plans.startable(ref) ?? (await plans.confirm(ref)),
          (plan, tries) => plan !== undefined && plan.generation < ref.generation && tries < TRIES_IF_OLDER,
        )
      )
    },
    async bound(ref) {
      const known = plans.find(ref, ref.generation)
      if (known) return known
      return await ask(
        ref,
        () => plans.bound(ref),
        () => false,
      )
    },
  }
}
