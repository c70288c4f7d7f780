/**
 * A run as plain JSON: everything that is needed to go on with it on another runner. Secrets and globals are
 * not part of it; they come with the plan. What an expression made of them is data like any other.
 */
import type { Json, ReplyMode } from '../../state/event.ts'
import type { TraceContext } from '../../state/trace-context.ts'
import type { Problem } from './problem.ts'

/** Raised when a former runner could not go on with what this one stores. */
export const RUN_STATE_VERSION = 1

export interface RunState {
  version: typeof RUN_STATE_VERSION
  /** The generation of the Workflow that the run began with and is bound to. */
  generation: number
  workflow: { namespace: string; name: string; uid: string }
  eventId: string
  /** Milliseconds since the epoch. */
  startedAt: number
  /** When the workflow's `timeout` is over. */
  deadline?: number
  /** `$workflow.input`: the call. */
  call: Json
  /** The trace that the call belongs to. */
  trace?: TraceContext
  /** `$context`. */
  context: Json
  /** What the next task gets, and in the end what the last one gave. */
  data: Json
  /**
   * The tasks that have begun and not ended, outermost first; the last one is at work. Empty before the first
   * and after the last.
   */
  frames: Frame[]
  phase: 'new' | 'running' | 'ended'
  /** An error on its way up to a task that holds it. */
  error?: Problem
  /** How many tasks and lists of tasks have begun: bounds endless loops. */
  steps: number
  /** How often each task with an effect, by pointer, has begun; a retry does not count anew. */
  visits: Record<string, number>
  /** Who waits for the answer, and how many runs of the event may give it. */
  reply?: { id: string; mode: ReplyMode; total: number }
  /** The WebSocket whose event began the run. */
  socketId?: string
}

/** One task at work. */
export interface Frame {
  /** Which list of the task around it, and where in it. */
  list: ListName
  index: number
  /** What the task before gave. */
  rawInput: Json
  /** The task's own input, after `input.from`. */
  input: Json
  begun: boolean
  startedAt: number
  /** When the task's `timeout` is over. */
  deadline?: number
  /** When the lists that it runs must have ended: the time limit of one attempt. */
  attemptDeadline?: number
  /** What the task around gives names to: loop variables, the caught error. They hold in its lists. */
  variables: Record<string, Json>
  /** What the task's type keeps: see `tasks/`. */
  memory: Json
}

/** A task's lists of tasks. */
export type ListName = 'do' | 'try' | 'catch'

export function newFrame(list: ListName, index: number, rawInput: Json): Frame {
  return {
    list,
    index,
    rawInput,
    input: rawInput,
    begun: false,
    startedAt: 0,
    variables: {},
    memory: null,
  }
}

/** The checkpoint of a run, apart from the live state. */
export function writeRunState(runState: RunState): Json {
  return structuredClone(runState) as unknown as Json
}

/**
 * A run from its checkpoint; `foreign` when a runner of another version has made it, and only one of that
 * version can go on with it.
 * @throws {TypeError} when it is not the checkpoint of a run.
 */
export function readRunState(checkpoint: Json): RunState | 'foreign' {
  if (checkpoint === null || typeof checkpoint !== 'object' || Array.isArray(checkpoint))
    throw new TypeError('the checkpoint is not an object')
  const { version, generation, workflow, eventId, frames, phase } = checkpoint
  if (typeof version !== 'number') throw new TypeError('the checkpoint has no version')
  if (version !== RUN_STATE_VERSION) return 'foreign'
  const isWhole =
    typeof generation === 'number' &&
    isWorkflow(workflow) &&
    typeof eventId === 'string' &&
    Array.isArray(frames) &&
    typeof phase === 'string'
  if (!isWhole) throw new TypeError('the checkpoint is not that of a run')
  return checkpoint as unknown as RunState
}

function isWorkflow(workflow: Json | undefined): boolean {
  if (workflow === null || typeof workflow !== 'object' || Array.isArray(workflow)) return false
  return ['namespace', 'name', 'uid'].every((member) => typeof workflow[member] === 'string')
}
