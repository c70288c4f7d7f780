/**
 * Executes a run step by step: a state machine over {@link RunState}, which it can leave and enter at every
 * task with an effect.
 */
import type { Json } from '../../state/event.ts'
import type { InputPlan, OutputPlan, TaskPlan } from '../plan.ts'
import { taskTypeOf } from '../tasks/registry.ts'
import type { Step, TaskAtWork } from '../tasks/task.ts'
import { checkDeadlines, nearestDeadline } from './deadlines.ts'
import { Evaluator, instant } from './evaluator.ts'
import type { Scope } from './evaluator.ts'
import { lastTask, siblingsAt, taskOf } from './position.ts'
import { failure } from '../run/problem.ts'
import type { Problem } from '../run/problem.ts'
import { asProblem } from '../run/recognise.ts'
import { Fenced, Halted } from '../run/run.ts'
import type { Run } from '../run/run.ts'
import { newFrame } from '../run/run-state.ts'
import type { Frame, RunState } from '../run/run-state.ts'

export type RunOutcome =
  | { kind: 'completed'; output: Json }
  | { kind: 'failed'; error: Problem }
  /** Stored, to be woken later. */
  | { kind: 'parked' }
  /** Another runner has the run. */
  | { kind: 'fenced' }

/** How many tasks, and lists of tasks, a run may begin: an endless loop ends here. */
const MAX_STEPS = 10_000

/**
 * Executes a run until it is over or sleeps. Changes `run.state`.
 * @throws {Halted} when `run.halt` asks to stop: the run goes on from its last checkpoint elsewhere.
 * @throws {StateUnavailable} likewise.
 */
export async function execute(run: Run): Promise<RunOutcome> {
  try {
    return await new Engine(run).run()
  } catch (error) {
    if (error instanceof Fenced) return { kind: 'fenced' }
    throw error
  }
}

class Engine {
  readonly #run: Run
  readonly #state: RunState
  readonly #evaluator: Evaluator
  /** An effect has happened since the last checkpoint. */
  #unsaved: boolean

  constructor(run: Run) {
    this.#run = run
    this.#state = run.state
    this.#evaluator = new Evaluator(run)
    this.#unsaved = run.unsaved ?? false
  }

  async run(): Promise<RunOutcome> {
    for (;;) {
      if (this.#run.halt.aborted) throw new Halted()
      try {
        const outcome = await this.#turn()
        if (outcome) return outcome
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** The failing task is the last frame; from here on the error is its surroundings' matter. */
  #fail(error: unknown): void {
    // What the runner shuts down on its way out is not the run's failure.
    if (this.#run.halt.aborted) throw new Halted()
    const { problem, final } = asProblem(error, lastTask(this.#run)?.pointer ?? '/', this.#run)
    this.#state.error = problem
    if (final) this.#state.frames.length = 0
    else this.#state.frames.pop()
  }

  async #turn(): Promise<RunOutcome | undefined> {
    checkDeadlines(this.#state, this.#run.clock.now())
    if (this.#state.error) return await this.#handleError(this.#state.error)
    if (this.#state.phase === 'new') {
      await this.#beginWorkflow()
      return undefined
    }
    const frame = this.#state.frames.at(-1)
    if (!frame) return await this.#finish()
    if (this.#unsaved) await this.#save()
    if (!frame.begun && !(await this.#beginTask(frame))) return undefined
    return await this.#apply(await taskTypeOf(taskOf(this.#run, frame)).begin(this.#atWork(frame)))
  }

  async #handleError(error: Problem): Promise<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1)
    if (!frame) return { kind: 'failed', error }
    if (this.#unsaved) await this.#save()
    const step = await taskTypeOf(taskOf(this.#run, frame)).failed?.(this.#atWork(frame), error)
    if (!step) {
      this.#state.frames.pop()
      return undefined
    }
    delete this.#state.error
    return await this.#apply(step)
  }

  async #beginWorkflow(): Promise<void> {
    const state = this.#state
    const { plan, clock } = this.#run
    state.startedAt = clock.now()
    state.data = plan.input ? await this.#readInput(plan.input, state.call, undefined) : state.call
    if (plan.timeout)
      state.deadline = state.startedAt + (await this.#evaluator.milliseconds(plan.timeout, state.data, {}))
    state.phase = 'running'
    if (plan.do.length > 0) state.frames.push(newFrame('do', 0, state.data))
  }

  /** False: the task is skipped. */
  async #beginTask(frame: Frame): Promise<boolean> {
    const task = taskOf(this.#run, frame)
    this.#countStep()
    frame.startedAt = this.#run.clock.now()
    if (task.if && !(await this.#evaluator.holds(task.if, frame.rawInput, this.#scope(frame)))) {
      await this.#leave(frame, frame.rawInput, 'continue')
      return false
    }
    frame.input = task.input ? await this.#readInput(task.input, frame.rawInput, frame) : frame.rawInput
    if (task.timeout)
      frame.deadline =
        frame.startedAt + (await this.#evaluator.milliseconds(task.timeout, frame.input, this.#scope(frame)))
    frame.begun = true
    return true
  }

  #countStep(): void {
    if (++this.#state.steps > MAX_STEPS)
      throw failure('runtime', `a run takes at most ${MAX_STEPS} steps`, { final: true })
  }

  async #readInput(plan: InputPlan, raw: Json, frame: Frame | undefined): Promise<Json> {
    if (plan.schema !== undefined) await this.#evaluator.fit(plan.schema, raw, 'the input')
    return plan.from ? await this.#evaluator.evaluate(plan.from, raw, this.#scope(frame)) : raw
  }

  async #writeOutput(plan: OutputPlan | undefined, raw: Json, scope: Scope): Promise<Json> {
    const output = plan?.as ? await this.#evaluator.evaluate(plan.as, raw, scope) : raw
    if (plan?.schema !== undefined) await this.#evaluator.fit(plan.schema, output, 'the output')
    return output
  }

  /** Follows steps until a task has to begin, an error rises, or the run sleeps. */
  async #apply(first: Step): Promise<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1) as Frame
    switch (first.kind) {
      case 'park':
        return await this.#park(first.until)
      case 'list':
        return await this.#enter(frame, first)
      case 'done': {
        const task = taskOf(this.#run, frame)
        const isPlain = !task.output && !task.export
        const output = isPlain ? first.output : await this.#conclude(frame, task, first.output)
        return await this.#leave(frame, output, first.then ?? task.then)
      }
    }
  }

  async #enter(
    frame: Frame,
    { list, input }: Extract<Step, { kind: 'list' }>,
  ): Promise<RunOutcome | undefined> {
    const task = taskOf(this.#run, frame)
    const tasks = taskTypeOf(task).lists?.(task)[list] ?? []
    this.#countStep()
    if (tasks.length === 0) return await this.#listEnded(input, false)
    this.#state.frames.push(newFrame(list, 0, input))
    return undefined
  }

  /** `output` and `export` of a task that has its result. */
  async #conclude(frame: Frame, task: TaskPlan, raw: Json): Promise<Json> {
    const scope = this.#scope(frame, raw)
    const output = await this.#writeOutput(task.output, raw, scope)
    if (task.export) this.#state.context = await this.#writeOutput(task.export, output, { ...scope, output })
    return output
  }

  /** Takes the task's frame away and goes on where `then` says. */
  async #leave(frame: Frame, output: Json, then: string): Promise<RunOutcome | undefined> {
    const { frames } = this.#state
    const siblings = siblingsAt(this.#run, frames.length - 1)
    const next = then === 'continue' ? frame.index + 1 : siblings.findIndex(({ name }) => name === then)
    if (next === -1 && then !== 'exit' && then !== 'end')
      throw failure('configuration', `then names no task of its list: ${then}`)
    frames.pop()
    this.#state.data = output
    if (then === 'end') {
      frames.length = 0
      return undefined
    }
    if (then !== 'exit' && siblings[next]) {
      frames.push(newFrame(frame.list, next, output))
      return undefined
    }
    return await this.#listEnded(output, then === 'exit')
  }

  async #listEnded(output: Json, exited: boolean): Promise<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1)
    if (!frame) return undefined
    delete frame.attemptDeadline
    const step = await taskTypeOf(taskOf(this.#run, frame)).ended?.(this.#atWork(frame), output, exited)
    return await this.#apply(step ?? { kind: 'done', output })
  }

  async #finish(): Promise<RunOutcome> {
    const { output: plan } = this.#run.plan
    const { data } = this.#state
    // What fails now has no task around it.
    this.#state.phase = 'ended'
    return { kind: 'completed', output: plan ? await this.#writeOutput(plan, data, { output: data }) : data }
  }

  async #park(until: number): Promise<RunOutcome> {
    const wakeAt = Math.min(until, nearestDeadline(this.#state))
    if (!(await this.#run.park(this.#state, Math.max(0, wakeAt - this.#run.clock.now())))) throw new Fenced()
    return { kind: 'parked' }
  }

  async #save(): Promise<void> {
    if (!(await this.#run.save(this.#state))) throw new Fenced()
    this.#unsaved = false
  }

  #scope(frame: Frame | undefined, output?: Json): Scope {
    const variables: Record<string, Json> = {}
    for (const around of this.#state.frames) Object.assign(variables, around.variables)
    if (!frame) return { variables }
    const task = taskOf(this.#run, frame)
    const about = (): Json => ({
      name: task.name,
      reference: task.pointer,
      input: frame.rawInput,
      startedAt: instant(frame.startedAt),
      ...(output === undefined ? {} : { output, ...taskTypeOf(task).about?.(frame) }),
    })
    return { variables, input: frame.input, task: about, ...(output === undefined ? {} : { output }) }
  }

  #atWork(frame: Frame): TaskAtWork<TaskPlan> {
    const { runId, plan, clock, random, fetch, halt } = this.#run
    const { visits, reply, socketId, trace } = this.#state
    const replyId = reply?.id ?? socketId
    const deadline = nearestDeadline(this.#state)
    return {
      task: taskOf(this.#run, frame),
      frame,
      plan,
      runId,
      clock,
      random,
      fetch,
      halt,
      ...(trace === undefined ? {} : { trace }),
      ...(replyId === undefined ? {} : { replyId }),
      ...(deadline === Infinity ? {} : { deadline }),
      evaluate: (value, input) => this.#evaluator.evaluate(value, input, this.#scope(frame)),
      holds: (value, input) => this.#evaluator.holds(value, input, this.#scope(frame)),
      milliseconds: (duration, input) => this.#evaluator.milliseconds(duration, input, this.#scope(frame)),
      checkpoint: () => this.#save(),
      effectDone: () => void (this.#unsaved = true),
      retrying: () => this.#run.onRetry?.(),
      reply: (replyId, message) => this.#run.reply(replyId, message),
      send: (socketId, message) => this.#run.send(socketId, message),
      visits: {
        count: (pointer) => {
          const before = visits[pointer] ?? 0
          visits[pointer] = before + 1
          return before
        },
        snapshot: () => ({ ...visits }),
        restore: (snapshot) => void (this.#state.visits = { ...snapshot }),
      },
    }
  }
}
