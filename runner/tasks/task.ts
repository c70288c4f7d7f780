/** What a type of task is to the engine. One file a type, all of them in `registry.ts`. */
import type { Clock } from '../../state/clock.ts'
import type { Json } from '../../state/event.ts'
import type { ReplyMessage, ReplyOutcome, SendOutcome, SocketMessage } from '../../state/state.ts'
import type { TraceContext } from '../../state/trace-context.ts'
import type { Problem } from '../run/problem.ts'
import type { Frame, ListName } from '../run/run-state.ts'
import type { Duration, TaskPlan, Value } from '../plan.ts'
import type { Soon } from '../soon.ts'

/** What is to be done next with a task. */
export type Step =
  /** It has its result. `then` overrides the task's own. */
  | { kind: 'done'; output: Json; then?: string }
  /** It runs one of its lists. */
  | { kind: 'list'; list: ListName; input: Json }
  /**
   * The run sleeps, and the task begins again with its frame as it is when the time has come. Milliseconds
   * since the epoch.
   */
  | { kind: 'park'; until: number }

/** A task at work, and what it may use. */
export interface TaskAtWork<Task extends TaskPlan> {
  task: Task
  frame: Frame
  runId: string
  /** The trace that the call belongs to. */
  trace: TraceContext | undefined
  /** The id that the waiting caller is reached by, if one waits, or the WebSocket whose event it is. */
  replyId: string | undefined
  clock: Clock
  random: () => number
  fetch: typeof globalThis.fetch
  /** The run is to stop at once, not to fail. */
  halt: AbortSignal
  /** When the nearest `timeout` around the task is over; Infinity when there is none. */
  deadline: number
  evaluate(value: Value, input: Json): Soon<Json>
  /** jq's own truth: everything but false and null. */
  holds(value: Value, input: Json): Promise<boolean>
  milliseconds(duration: Duration, input: Json): Promise<number>
  /** Called before an effect: what has been done so far is not done again when the runner dies in it. */
  checkpoint(): Promise<void>
  /** Called after an effect: it is stored before anything else happens. */
  effectDone(): void
  /** The tasks of a `try` are going to be tried again. */
  retrying(): void
  reply(replyId: string, message: ReplyMessage): Promise<ReplyOutcome>
  send(socketId: string, message: SocketMessage): Promise<SendOutcome>
  /** The counts of effects, for a task that repeats tasks as the same attempt. */
  visits: {
    /** How often the task at this pointer has begun before, which counts it. */
    count(pointer: string): number
    snapshot(): Record<string, number>
    restore(snapshot: Record<string, number>): void
  }
}

export interface TaskType<Task extends TaskPlan> {
  /** Its lists of tasks. */
  lists?(task: Task): Partial<Record<ListName, TaskPlan[]>>
  /**
   * Begins it; or goes on with it, after a `park` or when the run was taken over, with the `memory` that it
   * left.
   */
  begin(at: TaskAtWork<Task>): Soon<Step>
  /** A list that it ran has ended; `exited` tells that a task of it said `then: exit`. */
  ended?(at: TaskAtWork<Task>, output: Json, exited: boolean): Soon<Step>
  /** A list that it ran has failed. `undefined`: it does not hold the error. */
  failed?(at: TaskAtWork<Task>, error: Problem): Promise<Step | undefined>
  /** What `$task` holds besides the standard's members, once it has its result. */
  about?(frame: Frame): Record<string, Json>
}
