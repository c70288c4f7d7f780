import type { Clock } from '../state/clock.ts'
import type { Json } from '../state/event.ts'
import type { Delivery, EventDelivery, ResumeDelivery, RunnerState, RunRef } from '../state/state.ts'
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
import type { Expressions } from './expression/expression.ts'
import type { Log } from './log.ts'
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
  /** Begins to read events. */
  start(): void
  /**
   * Reads no more, lets what is in hand end for at most `deadlineMs`, then leaves it at its last checkpoint to another runner. Idempotent.
   */
  stop(options: { deadlineMs: number }): Promise<void>
}

/** The plan that a run goes by, or why it can't. */
type Bound = { plan: Plan; problem?: undefined } | { problem: Problem }

/** How many deliveries are asked for at once. */
const BATCH = 64
const BLOCK_MS = 5_000
/** How long to leave an unreachable state alone. */
const PAUSE_MS = 500

/** Executes the runs of the events that the state delivers. */
export function createRunner(deps: RunnerDeps): Runner {
  const { state, plans, clock, log, concurrency = 256 } = deps
  const schemas = createSchemaPool()
  const reading = new AbortController()
  const halting = new AbortController()
  const inHand = new Set<Promise<void>>()
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
    const work = (delivery.kind === 'event' ? handleEvent(delivery) : resume(delivery))
      // Left unsettled: it is delivered again, here or elsewhere.
      .catch((error: unknown) => {
        if (!(error instanceof StateUnavailable) && !(error instanceof Halted)) onFault(error)
      })
      .finally(() => {
        inHand.delete(work)
        room?.()
      })
    inHand.add(work)
  }

  async function handleEvent(delivery: EventDelivery): Promise<void> {
    const { event, deliveries } = delivery
    const call = await decodeCall(event)
    const triggered = await triggeredPlans(delivery, call, { plans, ...machinery })
    const total = triggered.length
    if (total === 0 && event.reply)
      await state.settle(
        { replyId: event.reply.id, namespace: event.webhook.namespace },
        { runId: '', failed: false, total },
      )
    const takeovers = deliveries > 1 && total > 0 ? await state.takeOver(triggered.map(({ run }) => run)) : []
    const outcomes = await Promise.all(
      triggered.map(async (one, index) => {
        const takeover = takeovers[index] ?? { kind: 'new' }
        switch (takeover.kind) {
          case 'ended':
            return 'completed'
          case 'elsewhere':
            return 'parked'
          case 'new':
            return await conduct(one.run, newRunState(one.plan, call, event, total), one)
          case 'checkpoint': {
            const runState = takeover.checkpoint as unknown as RunState
            return await conduct(one.run, runState, boundPlan(runState))
          }
        }
      }),
    )
    // A fenced run is in the hands of the runner that has the event now.
    if (!outcomes.includes('fenced'))
      await state.acknowledge([{ ...delivery, runs: triggered.map(({ run }) => run.runId) }])
  }

  async function resume({ run, checkpoint }: ResumeDelivery): Promise<void> {
    const runState = checkpoint as unknown as RunState
    await conduct(run, runState, boundPlan(runState))
  }

  /** The plan that a run began with. */
  function boundPlan({ workflow, generation }: RunState): Bound {
    const plan = plans.find(workflow, generation)
    if (plan) return { plan }
    const gone = failure('configuration', 'the Workflow was deleted or changed too often while the run slept')
    return { problem: asProblem(gone, '/', machinery).problem }
  }

  /** Executes a run until it is over or sleeps, and tells everyone who should know. */
  async function conduct(ref: RunRef, runState: RunState, bound: Bound): Promise<Outcome['kind']> {
    const startedAt = clock.now()
    const outcome: Outcome = bound.problem
      ? { kind: 'failed', error: bound.problem }
      : await execute({
          ...machinery,
          runId: ref.runId,
          plan: bound.plan,
          state: runState,
          halt: halting.signal,
          save: (checkpoint) => state.save(ref, toJson(checkpoint)),
          park: (checkpoint, delayMs) => state.park(ref, toJson(checkpoint), delayMs),
          reply: (replyId, message) =>
            state.reply({ replyId, namespace: runState.workflow.namespace }, message),
        })
    report(ref.runId, runState, outcome, clock.now() - startedAt)
    if (outcome.kind === 'completed' || outcome.kind === 'failed') {
      const { namespace } = runState.workflow
      await settleRun(state, { runId: ref.runId, namespace, reply: runState.reply }, outcome)
      await state.end(ref)
    }
    return outcome.kind
  }

  function report(run: string, { workflow }: RunState, outcome: Outcome, ms: number): void {
    const { namespace, name } = workflow
    const fields = { namespace, workflow: name, run, outcome: outcome.kind, ms }
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
    const idle = Promise.all(inHand)
    const over = new AbortController()
    if (deadlineMs > 0) await Promise.race([idle, elapsed(clock, deadlineMs, over.signal)])
    over.abort()
    halting.abort()
    await idle
    await schemas.close()
  }

  return {
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
function toJson(runState: RunState): Json {
  return structuredClone(runState) as unknown as Json
}
