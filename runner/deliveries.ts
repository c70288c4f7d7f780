/**
 * What is done with a delivery: its runs are brought to their ends, or to where they sleep, and then it is
 * settled.
 */
import type { Log } from '../process/log.ts'
import type { CallEvent } from '../state/event.ts'
import type {
  Delivery,
  EventDelivery,
  ResumeDelivery,
  RunnerState,
  RunRef,
  Takeover,
} from '../state/state.ts'
import { Halted } from './run/run.ts'
import type { Machinery } from './run/run.ts'
import type { RunState } from './run/run-state.ts'
import { candidatesOf, newRunState, settleNoneLeft, startOf } from './event-runs.ts'
import type { Candidate, Start } from './event-runs.ts'
import type { ExecuteRun, RunProgress } from './execution.ts'
import { elapsed, PAUSE_MS } from './patience.ts'
import type { Patience } from './patience.ts'
import type { Plan } from './plan.ts'
import type { PlanLookup } from './plans/lookup.ts'
import type { PlanTable } from './plans/table.ts'
import type { ResumeRun } from './resumption.ts'
import type { RunInput } from './request/input.ts'
import type { Tally } from './tally.ts'
import { secondsSince } from './tally.ts'
import { decodeCall } from './request/input.ts'
import type { Soon } from './soon.ts'
import { whenThere } from './soon.ts'

export interface DeliveriesDeps {
  state: RunnerState
  plans: PlanTable
  lookup: PlanLookup
  machinery: Machinery
  executeRun: ExecuteRun
  resumeRun: ResumeRun
  patiently: Patience
  halt: AbortSignal
  tally: Pick<Tally, 'delays'>
  log: Log
}

/**
 * A run that takes part in an event: one that is to be started, or what an earlier delivery has left of it.
 */
type Part = { run: RunRef } & ({ start: Start; begun?: undefined } | { start?: undefined; begun: Begun })
type Begun = Exclude<Takeover, { kind: 'new' }>

/** Works on a delivery until it is settled, or left to another runner. Never rejects. */
export function createDeliveries(deps: DeliveriesDeps): (delivery: Delivery) => Promise<void> {
  const { state, plans, machinery, executeRun, resumeRun, patiently, halt, tally, log } = deps

  function work(delivery: Delivery): Promise<void> {
    const working = delivery.kind === 'event' ? workOnEvent(delivery) : resume(delivery)
    return working.catch((error: unknown) => failed(delivery, error))
  }

  async function failed(delivery: Delivery, error: unknown): Promise<void> {
    // Left as it is: it is delivered to another runner.
    if (error instanceof Halted) return
    machinery.onFault(error)
    await setAside(delivery).catch((fault: unknown) => {
      if (!(fault instanceof Halted)) machinery.onFault(fault)
    })
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
    if (!isRetry) tally.delays.observe(secondsSince(Date.parse(event.time), machinery.clock))
    const call = await decodeCall(event)
    const candidates = candidatesOf(delivery, plans)
    const begun = isRetry ? await takeOver(candidates) : []
    const parts = await allOf(candidates.map((candidate, index) => partOf(candidate, call, begun[index])))
    const taking = parts.filter((part) => part !== undefined)
    const total = taking.length
    if (total === 0) reportNone(event)
    if (taking.every(({ begun }) => begun?.kind === 'ended'))
      await patiently(() => settleNoneLeft(state, event, taking))
    const results = await allOf(
      taking.map((part) =>
        beginOrGoOn(part, {
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
    const { partition, entry, deliveries } = delivery
    const runs = stored.map(({ run }) => run.runId)
    await patiently(() => state.acknowledge([{ partition, entry, deliveries, runs }]))
  }

  /** Else nothing would tell why. Triggers that leave out some events of WebSockets are usual. */
  function reportNone({ id, type, webhook: { namespace, name } }: CallEvent): void {
    log[type === 'http' ? 'info' : 'debug']({ namespace, webhook: name, eventId: id }, 'Event started no run')
  }

  async function takeOver(candidates: Candidate[]): Promise<Takeover[]> {
    if (candidates.length === 0) return []
    return await patiently(() => state.takeOver(candidates.map(({ run }) => run)))
  }

  /**
   * What a candidate does for the event; undefined when nothing. A run that has begun goes on, whatever its
   * Workflow is triggered by today.
   */
  function partOf(
    candidate: Candidate,
    call: RunInput,
    begun: Takeover = { kind: 'new' },
  ): Soon<Part | undefined> {
    const { run } = candidate
    if (begun.kind !== 'new') return { run, begun }
    return whenThere(startOf(candidate, call, deps), (start) => start && { run, start })
  }

  /** Begins a run, or goes on with what is left of it. */
  function beginOrGoOn(
    { run, start, begun }: Part,
    event: { total: number; fresh: (plan: Plan) => RunState; endsWithEvent: boolean },
  ): Soon<RunProgress> {
    if (start) {
      const { plan, problem } = start
      const bound = problem ? { problem } : { plan }
      return executeRun({
        ref: run,
        runState: event.fresh(plan),
        bound,
        endsWithEvent: event.endsWithEvent,
      })
    }
    switch (begun.kind) {
      case 'checkpoint':
        // Others of the event may have been left out since.
        return resumeRun({ ref: run, checkpoint: begun.checkpoint, total: event.total })
      case 'ended':
        return { kind: 'completed', stored: true }
      case 'parked':
      case 'fenced':
        return { kind: begun.kind, stored: true }
    }
  }

  async function resume(delivery: ResumeDelivery): Promise<void> {
    const { run: ref, checkpoint, attempts } = delivery
    const { kind } = await resumeRun({ ref, checkpoint, attempts })
    if (kind === 'fenced') state.abandon(delivery)
  }

  /**
   * Waits for all, and then throws what one of them has thrown: while runs of an event are at work nothing
   * may be settled. That the runner stops is thrown before any fault: the event comes again.
   */
  function allOf<Result>(works: Soon<Result>[]): Soon<Result[]> {
    const [only] = works
    if (works.length === 1 && only instanceof Promise) return only.then((result) => [result])
    return works.some((work) => work instanceof Promise) ? settled(works) : (works as Result[])
  }

  async function settled<Result>(works: Soon<Result>[]): Promise<Result[]> {
    const all = await Promise.allSettled(works)
    const thrown = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
    if (thrown.length === 0) return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const first = thrown.find((error) => error instanceof Halted) ?? thrown[0]
    for (const fault of thrown) if (fault !== first && !(fault instanceof Halted)) machinery.onFault(fault)
    throw first
  }

  return work
}
