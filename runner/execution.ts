/** Executes one run for as long as it is this runner's, and tells everyone who should know. */
import type { Json } from '../state/event.ts'
import type { RunnerState, RunRef } from '../state/state.ts'
import { execute } from './engine/engine.ts'
import type { RunOutcome } from './engine/engine.ts'
import type { Problem } from './run/problem.ts'
import type { Machinery } from './run/run.ts'
import { writeRunState } from './run/run-state.ts'
import type { RunState } from './run/run-state.ts'
import { settleRun } from './event-runs.ts'
import type { Log } from '../process/log.ts'
import type { Patience } from './patience.ts'
import type { Plan } from './plan.ts'
import type { Tally } from './tally.ts'
import { secondsSince } from './tally.ts'

/** The plan that a run goes by, or why it can't. */
export type Bound = { plan: Plan; problem?: undefined } | { problem: Problem }

/** A run in the hands of this runner. */
export interface RunInHand {
  ref: RunRef
  /** Where it stands; goes on with it. */
  runState: RunState
  bound: Bound
  /**
   * When it ends without having been stored nothing need say so: its event has no other run, and is forgotten
   * with it.
   */
  endsWithEvent?: boolean
}

/** How far a run was brought, and whether the state holds something of it. */
export interface RunProgress {
  kind: RunOutcome['kind']
  stored: boolean
}

/**
 * Executes a run until it is over or sleeps. While the state is away the run waits, and goes on from where it
 * stands: nothing else executes it meanwhile in this process.
 * @throws {Halted} when the runner stops before.
 */
export type ExecuteRun = (run: RunInHand) => Promise<RunProgress>

export interface RunExecutorDeps {
  state: RunnerState
  machinery: Machinery
  patiently: Patience
  halt: AbortSignal
  tally: Pick<Tally, 'runs' | 'durations'>
  log: Log
}

/**
 * How much a try raises the epoch, so that what an earlier one wrote has no effect if it comes late; with all
 * of them it stays below the next owner's.
 */
const TRY = 1 / 1_024

export function createRunExecutor(deps: RunExecutorDeps): ExecuteRun {
  const { state, machinery, patiently, halt, tally, log } = deps

  return async (run) => {
    const { runState, endsWithEvent = false } = run
    const { workflow, reply } = runState
    const { runId } = run.ref
    const startedAt = machinery.clock.now()
    const progress = { stored: false, answered: false }
    let { ref } = run
    const onAway = (): void => {
      ref = nextTry(ref)
    }
    const outcome = await executePatiently(() => ref, run, { progress, onAway })
    if (outcome.kind === 'completed' || outcome.kind === 'failed') {
      // Before the run is forgotten, so that a crash in between repeats it. A caller who was answered need
      // not be told of the end.
      if (reply && !progress.answered)
        await patiently(() => settleRun(state, { runId, namespace: workflow.namespace, reply }, outcome))
      if (progress.stored || !endsWithEvent) {
        progress.stored = true
        await patiently(() => state.end(ref), onAway)
      }
    }
    count(runState, outcome)
    report(runId, runState, outcome, machinery.clock.now() - startedAt)
    return { kind: outcome.kind, stored: progress.stored }
  }

  function executePatiently(
    ref: () => RunRef,
    { runState, bound }: RunInHand,
    { progress, onAway }: { progress: { stored: boolean; answered: boolean }; onAway: () => void },
  ): Promise<RunOutcome> {
    if (bound.problem) return Promise.resolve({ kind: 'failed', error: bound.problem })
    const { plan } = bound
    const { namespace } = runState.workflow
    const { runId } = ref()
    let unsaved = false
    const tryOnce = (): Promise<RunOutcome> =>
      execute({
        ...machinery,
        runId,
        plan,
        state: runState,
        unsaved,
        halt,
        save: (checkpoint) => {
          progress.stored = true
          return state.save(ref(), writeRunState(checkpoint))
        },
        park: (checkpoint, delayMs) => {
          progress.stored = true
          return park(ref, writeRunState(checkpoint), { delayMs, onAway })
        },
        reply: (replyId, message) =>
          state.reply({ replyId, namespace }, message).then((outcome) => {
            progress.answered ||= replyId === runState.reply?.id
            return outcome
          }),
        send: (replyId, message) => state.send({ replyId, namespace }, message),
      })
    return patiently(tryOnce, () => {
      unsaved = true
      onAway()
    })
  }

  /**
   * Until it is known: a run that sleeps by the state may be woken by anyone, and must not go on here as well.
   */
  function park(
    ref: () => RunRef,
    checkpoint: Json,
    { delayMs, onAway }: { delayMs: number; onAway: () => void },
  ): Promise<boolean> {
    const { clock } = machinery
    const wakeAt = clock.now() + delayMs
    return patiently(() => state.park(ref(), checkpoint, Math.max(0, wakeAt - clock.now())), onAway)
  }

  function count({ startedAt }: RunState, { kind }: RunOutcome): void {
    tally.runs.add(kind)
    // One that could not begin took no time.
    if (kind === 'completed' || kind === 'failed')
      tally.durations.observe(startedAt === 0 ? 0 : secondsSince(startedAt, machinery.clock))
  }

  function report(runId: string, { workflow, trace }: RunState, outcome: RunOutcome, ms: number): void {
    const { namespace, name } = workflow
    const traced = trace === undefined ? {} : { traceId: trace.traceId }
    const fields = { namespace, workflow: name, runId, outcome: outcome.kind, ms, ...traced }
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
    log.debug({ runId, title, detail }, 'Run failed because')
  }
}

function nextTry(ref: RunRef): RunRef {
  const raised = ref.epoch + TRY
  return raised < Math.floor(ref.epoch) + 1 ? { ...ref, epoch: raised } : ref
}
