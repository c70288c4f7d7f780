import type { Clock } from '../../state/clock.ts'
import type { Json } from '../../state/event.ts'
import type { ReplyMessage, ReplyOutcome, SendOutcome, SocketMessage } from '../../state/state.ts'
import type { TraceContext } from '../../state/trace-context.ts'
import type { Duration, TaskPlan, Value } from '../plan.ts'
import type { Frame } from '../run/run-state.ts'
import type { Run } from '../run/run.ts'
import type { Soon } from '../soon.ts'
import type { TaskAtWork } from '../tasks/task.ts'
import { nearestDeadline } from './deadlines.ts'
import type { Evaluator } from './evaluator.ts'
import { taskOf } from './position.ts'

/** What the engine keeps account of. */
export type Effects = Pick<TaskAtWork<TaskPlan>, 'checkpoint' | 'effectDone'>

/** The task of a frame, with what its run lets it use: made for every turn, so that it has what is asked for. */
export class AtWork implements TaskAtWork<TaskPlan> {
  readonly task: TaskPlan
  readonly frame: Frame
  readonly #run: Run
  readonly #evaluator: Evaluator
  readonly #effects: Effects

  constructor(run: Run, frame: Frame, { evaluator, effects }: { evaluator: Evaluator; effects: Effects }) {
    this.task = taskOf(run, frame)
    this.frame = frame
    this.#run = run
    this.#evaluator = evaluator
    this.#effects = effects
  }

  get runId(): string {
    return this.#run.runId
  }

  get trace(): TraceContext | undefined {
    return this.#run.state.trace
  }

  get replyId(): string | undefined {
    const { reply, socketId } = this.#run.state
    return reply?.id ?? socketId
  }

  get clock(): Clock {
    return this.#run.clock
  }

  get random(): () => number {
    return this.#run.random
  }

  get fetch(): typeof globalThis.fetch {
    return this.#run.fetch
  }

  get halt(): AbortSignal {
    return this.#run.halt
  }

  get deadline(): number {
    return nearestDeadline(this.#run.state)
  }

  evaluate(value: Value, input: Json): Soon<Json> {
    return this.#evaluator.evaluate(value, input, this)
  }

  holds(value: Value, input: Json): Promise<boolean> {
    return this.#evaluator.holds(value, input, this)
  }

  milliseconds(duration: Duration, input: Json): Promise<number> {
    return this.#evaluator.milliseconds(duration, input, this)
  }

  checkpoint(): Promise<void> {
    return this.#effects.checkpoint()
  }

  effectDone(): void {
    this.#effects.effectDone()
  }

  retrying(): void {
    this.#run.onRetry?.()
  }

  reply(replyId: string, message: ReplyMessage): Promise<ReplyOutcome> {
    return this.#run.reply(replyId, message)
  }

  send(socketId: string, message: SocketMessage): Promise<SendOutcome> {
    return this.#run.send(socketId, message)
  }

  get visits(): TaskAtWork<TaskPlan>['visits'] {
    const { state } = this.#run
    return {
      count: (pointer) => {
        const before = state.visits[pointer] ?? 0
        state.visits[pointer] = before + 1
        return before
      },
      snapshot: () => ({ ...state.visits }),
      restore: (snapshot) => void (state.visits = { ...snapshot }),
    }
  }
}
