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
import type { Problem } from './engine/problem.ts'
import type { Machinery } from './engine/run.ts'
import { readRunState } from './engine/run-state.ts'
import type { RunState } from './engine/run-state.ts'
import { candidatesOf, newRunState, settleNoneLeft, triggeredPlan } from './event-runs.ts'
import type { Candidate } from './event-runs.ts'
import type { Bound, Conduct, Conducted } from './execution.ts'
import type { Log } from '../process/log.ts'
import { elapsed, PAUSE_MS } from './patience.ts'
import type { Patience } from './patience.ts'
import type { Plan } from './plan.ts'
import type { PlanLookup } from './plans/lookup.ts'
import type { PlanTable } from './plans/table.ts'
import type { RunInput } from './request/input.ts'
import type { Tally } from './tally.ts'
import { decodeCall } from './request/input.ts'

export interface DeliveriesDeps {
  state: RunnerState
  plans: PlanTable
  lookup: PlanLookup
  machinery: Machinery
  conduct: Conduct
  patiently: Patience
  halt: AbortSignal
  tally: Pick<Tally, 'delays'>
  log: Log
}

/** A run that takes part in an event: one that is to be started, or what an earlier delivery has left of it. */
type Part = { run: RunRef } & (
  { start: { plan: Plan; problem?: Problem }; begun?: undefined } | { start?: undefined; begun: Begun }
)
type Begun = Exclude<Takeover, { kind: 'new' }>

/** How many runners may begin with one checkpoint: more, and it is what brings them down. */
const MAX_ATTEMPTS = 5
/** How long a run rests that only runners of another version can go on with. */
const FOREIGN_REST_MS = 30_000

/** Works on a delivery until it is settled, or left to another runner. Never rejects. */
export function createDeliveries(deps: DeliveriesDeps): (delivery: Delivery) => Promise<void> {
  const { state, plans, lookup, machinery, conduct, patiently, halt, tally, log } = deps

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
    else {
      // Comes again until its attempts are used up, and not at once.
      await elapsed(machinery.clock, PAUSE_MS, halt)
      state.abandon(delivery)
    }
  }

  async function workOnEvent(delivery: EventDelivery): Promise<void> {
    const { event } = delivery
    const isRetry = delivery.deliveries > 1
    if (!isRetry) tally.delays.observe((machinery.clock.now() - Date.parse(event.time)) / 1000)
    const call = await decodeCall(event)
    const candidates = candidatesOf(delivery, plans)
    const begun = isRetry ? await takeOver(candidates) : []
    const parts = await allOf(candidates.map((candidate, index) => partOf(candidate, call, begun[index])))
    const taking = parts.filter((part) => part !== undefined)
    const total = taking.length
    if (taking.every(({ begun }) => begun?.kind === 'ended'))
      await patiently(() => settleNoneLeft(state, event, taking))
    const results = await allOf(
      taking.map((part) =>
        bring(part, {
          total,
          fresh: (plan) => newRunState(plan, call, event, total),
          endsWithEvent: total === 1 && !isRetry,
        }),
      ),
    )
    if (results.some(({ kind }) => kind === 'fenced')) {
      state.abandon(delivery)
      return
    }
    const stored = taking.filter((_, index) => isRetry || results[index]?.stored)
    await patiently(() => state.acknowledge([{ ...delivery, runs: stored.map(({ run }) => run.runId) }]))
  }

  async function takeOver(candidates: Candidate[]): Promise<Takeover[]> {
    if (candidates.length === 0) return []
    return await patiently(() => state.takeOver(candidates.map(({ run }) => run)))
  }

  /** What a candidate does for the event; undefined when nothing. A run that has begun goes on, whatever its Workflow is triggered by today. */
  async function partOf(
    candidate: Candidate,
    call: RunInput,
    begun: Takeover = { kind: 'new' },
  ): Promise<Part | undefined> {
    const { run } = candidate
    if (begun.kind !== 'new') return { run, begun }
    const start = await triggeredPlan(candidate, call, { lookup, ...machinery })
    return start && { run, start }
  }

  /** Begins a run, or goes on with what is left of it. */
  async function bring(
    { run, start, begun }: Part,
    event: { total: number; fresh: (plan: Plan) => RunState; endsWithEvent: boolean },
  ): Promise<Conducted> {
    if (start) {
      const { plan, problem } = start
      const bound = problem ? { problem } : { plan }
      return await conduct({
        ref: run,
        runState: event.fresh(plan),
        bound,
        endsWithEvent: event.endsWithEvent,
      })
    }
    switch (begun.kind) {
      case 'checkpoint':
        return await proceed(run, begun.checkpoint, (runState) => {
          // Others of the event may have been left out since.
          if (runState.reply) runState.reply.total = event.total
          return boundPlan(runState)
        })
      case 'ended':
        return { kind: 'completed', stored: true }
      case 'parked':
      case 'fenced':
        return { kind: begun.kind, stored: true }
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
    bind: (runState: RunState) => Bound | Promise<Bound>,
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
    return await conduct({ ref, runState, bound: await bind(runState) })
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
  async function boundPlan({ workflow, generation }: RunState): Promise<Bound> {
    const plan = await lookup.bound({ ...workflow, generation })
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
