import type { Clock } from '../../state/clock.ts'
import type { Json } from '../../state/event.ts'
import type { ReplyMessage, ReplyOutcome, SendOutcome, SocketMessage } from '../../state/state.ts'
import type { Expressions } from '../expression/expression.ts'
import type { Plan } from '../plan.ts'
import type { Schemas } from '../schema/schemas.ts'
import type { RunState } from './run-state.ts'

/** What every run of a runner uses. */
export interface Machinery {
  expressions: Expressions
  schemas: Schemas
  fetch: typeof globalThis.fetch
  clock: Clock
  /** At least 0, less than 1. */
  random: () => number
  /** `$runtime`. */
  runtime: Json
  /** Told of a fault of ours, not of a workflow. */
  onFault: (error: unknown) => void
  /** Told of every attempt of a `try` after its first. */
  onRetry?: () => void
}

/** One run in the hands of this runner. */
export interface Run extends Machinery {
  runId: string
  plan: Plan
  state: RunState
  /** The state is ahead of its last checkpoint. */
  unsaved?: boolean
  /** Asks the run to stop at the next step. */
  halt: AbortSignal
  /** False: another runner has the run. */
  save(state: RunState): Promise<boolean>
  /** False: another runner has the run. */
  park(state: RunState, delayMs: number): Promise<boolean>
  reply(replyId: string, message: ReplyMessage): Promise<ReplyOutcome>
  send(socketId: string, message: SocketMessage): Promise<SendOutcome>
}

/** Another runner has taken the run over. */
export class Fenced extends Error {
  override name = 'Fenced'
}

/** The runner stops; the run goes on elsewhere. */
export class Halted extends Error {
  override name = 'Halted'
}
