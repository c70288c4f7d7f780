/** Goes on with a run from its checkpoint. */
import type { Json } from '../state/event.ts'
import type { RunnerState, RunRef } from '../state/state.ts'
import { failure } from './run/problem.ts'
import { asProblem } from './run/recognise.ts'
import type { Machinery } from './run/run.ts'
import { readRunState } from './run/run-state.ts'
import type { RunState } from './run/run-state.ts'
import type { Bound, ExecuteRun, RunProgress } from './execution.ts'
import type { Log } from '../process/log.ts'
import type { Patience } from './patience.ts'
import type { PlanLookup } from './plans/lookup.ts'

/** A run that another runner, or an earlier delivery, has left. */
export interface LeftRun {
  ref: RunRef
  checkpoint: Json
  /** How many runners have begun with this checkpoint; 1 when it is not known. */
  attempts?: number
  /** How many runs of the event may answer its caller, when that is not what the checkpoint says. */
  total?: number
}

/**
 * Executes the run by the plan that it began with, until it is over or sleeps. @throws {Halted} when the
 * runner stops before.
 */
export type ResumeRun = (run: LeftRun) => Promise<RunProgress>

export interface ResumptionDeps {
  state: RunnerState
  lookup: PlanLookup
  machinery: Machinery
  executeRun: ExecuteRun
  patiently: Patience
  log: Log
}

/** How many runners may begin with one checkpoint: more, and it is what brings them down. */
const MAX_ATTEMPTS = 5
/** How long a run rests that only runners of another version can go on with. */
const FOREIGN_REST_MS = 30_000

export function createRunResumption(deps: ResumptionDeps): ResumeRun {
  const { state, lookup, machinery, executeRun, patiently, log } = deps

  function read({ runId }: RunRef, checkpoint: Json): RunState | 'foreign' | undefined {
    try {
      return readRunState(checkpoint)
    } catch (error) {
      log.error({ runId, err: error }, 'Run is lost')
      return undefined
    }
  }

  async function bind({ workflow, generation }: RunState, attempts: number): Promise<Bound> {
    if (attempts > MAX_ATTEMPTS)
      return refused('runtime', 'the run was woken again and again without coming further')
    const plan = await lookup.bound({ ...workflow, generation })
    if (plan) return { plan }
    return refused('configuration', 'the Workflow was deleted or changed too often while the run slept')
  }

  function refused(type: 'configuration' | 'runtime', title: string): Bound {
    return { problem: asProblem(failure(type, title), '/', machinery).problem }
  }

  return async ({ ref, checkpoint, attempts = 1, total }) => {
    const runState = read(ref, checkpoint)
    if (runState === undefined) {
      await patiently(() => state.end(ref))
      return { kind: 'failed', stored: true }
    }
    if (runState === 'foreign') {
      log.warn({ runId: ref.runId }, 'Run waits for a runner of another version')
      const parked = await patiently(() => state.park(ref, checkpoint, FOREIGN_REST_MS))
      return { kind: parked ? 'parked' : 'fenced', stored: true }
    }
    if (runState.reply && total !== undefined) runState.reply.total = total
    return await executeRun({ ref, runState, bound: await bind(runState, attempts) })
  }
}
