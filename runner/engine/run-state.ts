/**
 * A run as plain JSON: everything that is needed to go on with it on another runner. Secrets and globals are not part of it; they come
 * with the plan. What an expression made of them is data like any other.
 */
import type { Json, ReplyMode } from '../../state/event.ts'
import type { TraceContext } from '../../state/trace-context.ts'
import type { Problem } from './problem.ts'

export interface RunState {
  version: 1
  /** The generation of the Workflow that the run began with and is bound to. */
  generation: number
  workflow: { namespace: string; name: string; uid: string }
  eventId: string
  /** The epoch under which it was stored last: how often it was woken since without coming further. */
  epoch: number
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
  /** The tasks that have begun and not ended, outermost first; the last one is at work. Empty before the first and after the last. */
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
