import type { Clock } from '../state/clock.ts'
import type { Json } from '../state/event.ts'
import type {
  Delivery,
  EventDelivery,
  ResumeDelivery,
  RunnerState,
  RunRef,
  Takeover,
} from '../state/state.ts'
import { createInFlight } from '../state/in-flight.ts'
import { StateUnavailable } from '../state/state.ts'
import { execute } from './engine/engine.ts'
import type { Outcome } from './engine/engine.ts'
import { failure } from './engine/problem.ts'
import type { Problem } from './engine/problem.ts'
import { asProblem } from './engine/recognise.ts'
import { Halted } from './engine/run.ts'
import type { Machinery } from './engine/run.ts'
import type { RunState } from './engine/run-state.ts'
import { newRunState, settleRun, triggeredPlans } from './event-runs.ts'
import type { Triggered } from './event-runs.ts'
import type { Expressions } from './expression/expression.ts'
import type { Log } from '../process/log.ts'
import type { Plan } from './plan.ts'
import type { PlanTable } from './plans/table.ts'
import { decodeCall } from './request/input.ts'
import { createSchemaPool } from './schema/schemas.ts'

export interface RunnerDeps {
  /** Stays its owner's: the runner does not close it. One runner per state. */
  state: RunnerState
  plans: PlanTable
  expressions: Expressions
  fetch: typeof globalThis.fetch
  clock: Clock
  /** At least 0, less than 1; for the jitter of retries. */
  random: () => number
  log: Log
  /** `$runtime`: name, version, metadata. */
  runtime: Json
  /** How many events and woken runs are in hand at a time. */
  concurrency?: number
}

export interface Runner {
  /** How many events and woken runs are in hand. */
  readonly inHand: number
  /** Begins to read events. */
  start(): void
  /**
   * Reads no more, lets what is in hand end for at most `deadlineMs`, then leaves it at its last checkpoint to another runner. Idempotent.
   */
  stop(options: { deadlineMs: number }): Promise<void>
}

/** The plan that a run goes by, or why it can't. */
type Bound = { plan: Plan; problem?: undefined } | { problem: Problem }

/** How far a run was brought, and whether the state holds something of it. */
interface Conducted {
  kind: Outcome['kind']
  stored: boolean
}

/** How many deliveries are asked for at once. */
const BATCH = 64
const BLOCK_MS = 5_000
/** How often a run may be woken without coming further: more, and it is what brings runners down. */
const MAX_WAKES = 5
/** How long to leave an unreachable state alone. */
const PAUSE_MS = 500

/** Executes the runs of the events that the state delivers. */
export function createRunner(deps: RunnerDeps): Runner {
  const { state, plans, clock, log, concurrency = 256 } = deps
  const schemas = createSchemaPool()
  const reading = new AbortController()
  const halting = new AbortController()
  const inHand = createInFlight()
  let room: (() => void) | undefined
  let loop: Promise<void> = Promise.resolve()
  let stopped: Promise<void> | undefined

  const onFault = (error: unknown): void => log.error({ err: error }, 'Runner has a fault')
  const machinery: Machinery = {
    expressions: deps.expressions,
    schemas,
    fetch: deps.fetch,
    clock,
    random: deps.random,
    runtime: deps.runtime,
    onFault,
  }

  async function readAll(): Promise<void> {
    while (!reading.signal.aborted) {
      try {
        const count = Math.min(BATCH, concurrency - inHand.size)
        if (count > 0)
          for (const delivery of await state.read({ count, blockMs: BLOCK_MS, signal: reading.signal }))
            take(delivery)
        else await new Promise<void>((resolve) => (room = resolve))
      } catch (error) {
        if (!(error instanceof StateUnavailable)) onFault(error)
        // The state is away; whoever watches it says why.
        await elapsed(clock, PAUSE_MS, reading.signal)
      }
    }
  }

  function take(delivery: Delivery): void {
    const work = carry(delivery)
    inHand.track(work)
    // After it has left the count.
    void work.finally(() => room?.())
  }

  /** Works on a delivery until it is settled. What an absence of the state cut off goes on from its last checkpoint when it is back. */
  async function carry(delivery: Delivery): Promise<void> {
    for (let again = false; !halting.signal.aborted; again = true)
      try {
        if (delivery.kind === 'event') await handleEvent(delivery, again)
        else await resume(delivery, again)
        return
      } catch (error) {
        // Left as it is: it is delivered to another runner.
        if (error instanceof Halted) return
        if (error instanceof StateUnavailable) await elapsed(clock, PAUSE_MS, halting.signal)
        else return await setAside(delivery, error)
      }
  }

  /** A fault of ours must neither be lost nor come again for ever. */
  async function setAside(delivery: Delivery, fault: unknown): Promise<void> {
    onFault(fault)
    if (delivery.kind === 'event')
      await state.deadLetter(delivery, 'the runner has a fault; its log tells more').catch(onFault)
  }

  async function handleEvent(delivery: EventDelivery, again: boolean): Promise<void> {
    const { event, deliveries } = delivery
    const call = await decodeCall(event)
    const triggered = await triggeredPlans(delivery, call, { plans, ...machinery })
    const total = triggered.length
    if (total === 0 && event.reply)
      await state.settle(
        { replyId: event.reply.id, namespace: event.webhook.namespace },
        { runId: '', failed: false, total },
      )
    const mayHaveBegun = (again || deliveries > 1) && total > 0
    const takeovers = mayHaveBegun ? await state.takeOver(triggered.map(({ run }) => run)) : []
    const results = await Promise.all(
      triggered.map((one, index) =>
        begin({ ...one, alone: total === 1 }, takeovers[index] ?? { kind: 'new' }, () =>
          newRunState(one.plan, call, event, total),
        ),
      ),
    )
    // A fenced run is in the hands of the runner that has the event now.
    if (results.some(({ kind }) => kind === 'fenced')) return
    const runs = triggered.map(({ run }) => run.runId)
    await state.acknowledge([
      { ...delivery, runs: runs.filter((_, index) => mayHaveBegun || results[index]?.stored) },
    ])
  }

  /** Begins a run, or goes on with what is left of it. */
  async function begin(
    { run, ...bound }: Triggered & { alone: boolean },
    takeover: Takeover,
    fresh: () => RunState,
  ): Promise<Conducted> {
    switch (takeover.kind) {
      case 'new':
        return await conduct(run, fresh(), bound)
      case 'checkpoint':
        return await proceed(run, takeover.checkpoint)
      case 'ended':
        return { kind: 'completed', stored: true }
      case 'elsewhere':
        return { kind: 'parked', stored: true }
    }
  }

  async function proceed(run: RunRef, checkpoint: Json, { unsaved = false } = {}): Promise<Conducted> {
    const runState = checkpoint as unknown as RunState
    return await conduct(run, runState, { ...boundPlan(runState, run.epoch), alone: false, unsaved })
  }

  /** `checkpoint` is the run's live state: after an absence of the shared state it goes on where it stood. */
  async function resume({ run, checkpoint }: ResumeDelivery, again: boolean): Promise<void> {
    await proceed(run, checkpoint, { unsaved: again })
  }

  /** The plan that a run began with. */
  function boundPlan(runState: RunState, epoch: number): Bound {
    const plan = plans.find(runState.workflow, runState.generation)
    const stuck = epoch - runState.epoch > MAX_WAKES
    if (plan && !stuck) return { plan }
    const error = stuck
      ? failure('runtime', 'the run was woken again and again without coming further')
      : failure('configuration', 'the Workflow was deleted or changed too often while the run slept')
    return { problem: asProblem(error, '/', machinery).problem }
  }

  /** Executes a run until it is over or sleeps, and tells everyone who should know. */
  async function conduct(
    ref: RunRef,
    runState: RunState,
    { alone, unsaved = false, ...bound }: Bound & { alone: boolean; unsaved?: boolean },
  ): Promise<Conducted> {
    const startedAt = clock.now()
    const { namespace } = runState.workflow
    const { reply } = runState
    let stored = false
    let answered = false
    const outcome: Outcome = bound.problem
      ? { kind: 'failed', error: bound.problem }
      : await execute({
          ...machinery,
          runId: ref.runId,
          plan: bound.plan,
          state: runState,
          unsaved,
          halt: halting.signal,
          save: (checkpoint) => {
            stored = true
            return state.save(ref, toJson(checkpoint, ref.epoch))
          },
          park: (checkpoint, delayMs) => {
            stored = true
            return state.park(ref, toJson(checkpoint, ref.epoch), delayMs)
          },
          reply: (replyId, message) => {
            answered ||= replyId === reply?.id
            return state.reply({ replyId, namespace }, message)
          },
          send: (replyId, message) => state.send({ replyId, namespace }, message),
        })
    if (outcome.kind === 'completed' || outcome.kind === 'failed') {
      // Before the run is forgotten, so that a crash in between repeats it. A caller who was answered need not be told of the end.
      if (reply && !answered) await settleRun(state, { runId: ref.runId, namespace, reply }, outcome)
      // The only run of an event that left nothing behind is forgotten with the event.
      if (stored || !alone) {
        stored = true
        await state.end(ref)
      }
    }
    report(ref.runId, runState, outcome, clock.now() - startedAt)
    return { kind: outcome.kind, stored }
  }

  function report(run: string, { workflow, trace }: RunState, outcome: Outcome, ms: number): void {
    const { namespace, name } = workflow
    const traced = trace === undefined ? {} : { trace: trace.traceId }
    const fields = { namespace, workflow: name, run, outcome: outcome.kind, ms, ...traced }
    if (outcome.kind !== 'failed') {
      log[outcome.kind === 'completed' ? 'info' : 'debug'](
        fields,
        outcome.kind === 'completed' ? 'Run completed' : 'Run set aside',
      )
      return
    }
    const { type, instance, title, detail } = outcome.error
    log.warn({ ...fields, error: { type, instance } }, 'Run failed')
    // These may quote what the call held.
    log.debug({ run, title, detail }, 'Run failed because')
  }

  async function finish(deadlineMs: number): Promise<void> {
    reading.abort()
    room?.()
    await loop
    const idle = inHand.settled()
    const over = new AbortController()
    if (deadlineMs > 0) await Promise.race([idle, elapsed(clock, deadlineMs, over.signal)])
    over.abort()
    halting.abort()
    await idle
    await schemas.close()
  }

  return {
    get inHand() {
      return inHand.size
    },
    start() {
      loop = readAll()
    },
    stop({ deadlineMs }) {
      stopped ??= finish(deadlineMs)
      return stopped
    },
  }
}

/** Resolves after that time, or when the signal aborts. */
function elapsed(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.setTimer(done, ms)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}

/** A run's state as it goes into the shared state. */
function toJson(runState: RunState, epoch: number): Json {
  return structuredClone({ ...runState, epoch }) as unknown as Json
}
