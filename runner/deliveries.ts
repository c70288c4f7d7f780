/** What is done with a delivery: its runs are brought to their ends, or to where they sleep, and then it is settled. */
import type { Json } from '../state/event.ts'
import type {
  Delivery,
  EventDelivery,
  ResumeDelivery,
  RunnerState,
  RunRef,
  Takeover,
} from '../state/state.ts'
import { failure } from './engine/problem.ts'
import { asProblem } from './engine/recognise.ts'
import { Halted } from './engine/run.ts'
import type { Machinery } from './engine/run.ts'
import { readRunState } from './engine/run-state.ts'
import type { RunState } from './engine/run-state.ts'
import { newRunState, settleNoRun, triggeredPlans } from './event-runs.ts'
import type { Triggered } from './event-runs.ts'
import type { Bound, Conduct, Conducted } from './execution.ts'
import type { Log } from '../process/log.ts'
import type { Patience } from './patience.ts'
import type { PlanTable } from './plans/table.ts'
import { decodeCall } from './request/input.ts'

export interface DeliveriesDeps {
  state: RunnerState
  plans: PlanTable
  machinery: Machinery
  conduct: Conduct
  patiently: Patience
  log: Log
}

/** How many runners may begin with one checkpoint: more, and it is what brings them down. */
const MAX_ATTEMPTS = 5
/** How long a run rests that only runners of another version can go on with. */
const FOREIGN_REST_MS = 30_000

/** Works on a delivery until it is settled, or left to another runner. Never rejects. */
export function createDeliveries(deps: DeliveriesDeps): (delivery: Delivery) => Promise<void> {
  const { state, plans, machinery, conduct, patiently, log } = deps

  async function work(delivery: Delivery): Promise<void> {
    try {
      if (delivery.kind === 'event') await workOnEvent(delivery)
      else await resume(delivery)
    } catch (error) {
      // Left as it is: it is delivered to another runner.
      if (error instanceof Halted) return
      machinery.onFault(error)
      await setAside(delivery).catch((fault: unknown) => {
        if (!(fault instanceof Halted)) machinery.onFault(fault)
      })
    }
  }

  /** A fault of ours must neither be lost nor come again for ever. */
  async function setAside(delivery: Delivery): Promise<void> {
    if (delivery.kind === 'event')
      await patiently(() => state.deadLetter(delivery, 'the runner has a fault; its log tells more'))
    // Comes again until its attempts are used up.
    else state.abandon(delivery)
  }

  async function workOnEvent(delivery: EventDelivery): Promise<void> {
    const { event } = delivery
    const call = await decodeCall(event)
    const triggered = await triggeredPlans(delivery, call, { plans, ...machinery })
    const total = triggered.length
    if (total === 0) await patiently(() => settleNoRun(state, event))
    const isRetry = delivery.deliveries > 1 && total > 0
    const takeovers = isRetry ? await patiently(() => state.takeOver(triggered.map(({ run }) => run))) : []
    const results = await allOf(
      triggered.map((one, index) =>
        begin(one, takeovers[index] ?? { kind: 'new' }, {
          endsWithEvent: total === 1,
          fresh: () => newRunState(one.plan, call, event, total),
        }),
      ),
    )
    if (results.some(({ kind }) => kind === 'fenced')) {
      state.abandon(delivery)
      return
    }
    const runs = triggered.map(({ run }) => run.runId)
    const known = runs.filter((_, index) => isRetry || results[index]?.stored)
    await patiently(() => state.acknowledge([{ ...delivery, runs: known }]))
  }

  /** Begins a run, or goes on with what is left of it. */
  async function begin(
    { run, ...bound }: Triggered,
    takeover: Takeover,
    { fresh, endsWithEvent }: { fresh: () => RunState; endsWithEvent: boolean },
  ): Promise<Conducted> {
    switch (takeover.kind) {
      case 'new':
        return await conduct({ ref: run, runState: fresh(), bound, endsWithEvent })
      case 'checkpoint':
        return await proceed(run, takeover.checkpoint, boundPlan)
      case 'ended':
        return { kind: 'completed', stored: true }
      case 'parked':
      case 'fenced':
        return { kind: takeover.kind, stored: true }
    }
  }

  async function resume(delivery: ResumeDelivery): Promise<void> {
    const { run, checkpoint, attempts } = delivery
    const bind = attempts > MAX_ATTEMPTS ? stuck : boundPlan
    const { kind } = await proceed(run, checkpoint, bind)
    if (kind === 'fenced') state.abandon(delivery)
  }

  async function proceed(
    ref: RunRef,
    checkpoint: Json,
    bind: (runState: RunState) => Bound,
  ): Promise<Conducted> {
    const runState = readCheckpoint(ref, checkpoint)
    if (runState === undefined) {
      await patiently(() => state.end(ref))
      return { kind: 'failed', stored: true }
    }
    if (runState === 'foreign') {
      const parked = await patiently(() => state.park(ref, checkpoint, FOREIGN_REST_MS))
      return { kind: parked ? 'parked' : 'fenced', stored: true }
    }
    return await conduct({ ref, runState, bound: bind(runState) })
  }

  function readCheckpoint({ runId }: RunRef, checkpoint: Json): RunState | 'foreign' | undefined {
    try {
      return readRunState(checkpoint)
    } catch (error) {
      log.error({ run: runId, err: error }, 'Run is lost')
      return undefined
    }
  }

  /** The plan that a run began with. */
  function boundPlan(runState: RunState): Bound {
    const plan = plans.find(runState.workflow, runState.generation)
    if (plan) return { plan }
    return refused('configuration', 'the Workflow was deleted or changed too often while the run slept')
  }

  const stuck = (): Bound => refused('runtime', 'the run was woken again and again without coming further')

  function refused(type: 'configuration' | 'runtime', title: string): Bound {
    return { problem: asProblem(failure(type, title), '/', machinery).problem }
  }

  return work
}

/** Waits for all, and then throws what one of them has thrown: of an event whose runs are at work nothing may be settled. */
async function allOf<Result>(works: Promise<Result>[]): Promise<Result[]> {
  const settled = await Promise.allSettled(works)
  const faults = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  if (faults.length > 0) throw faults.find((fault) => fault instanceof Halted) ?? faults[0]
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}
