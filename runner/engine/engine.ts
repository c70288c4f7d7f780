/**
 * Executes a run step by step: a state machine over {@link RunState}, which it can leave and enter at every
 * task with an effect.
 */
import type { Json } from '../../state/event.ts'
import type { InputPlan, OutputPlan, TaskPlan } from '../plan.ts'
import type { Soon } from '../soon.ts'
import { whenThere } from '../soon.ts'
import { taskTypeOf } from '../tasks/registry.ts'
import type { Step } from '../tasks/task.ts'
import { AtWork } from './at-work.ts'
import type { Effects } from './at-work.ts'
import { checkDeadlines, nearestDeadline } from './deadlines.ts'
import { Evaluator } from './evaluator.ts'
import type { Place } from './evaluator.ts'
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
export function execute(run: Run): Promise<RunOutcome> {
  return new Engine(run).run()
}

class Engine implements Effects {
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
    const { halt } = this.#run
    for (;;) {
      if (halt.aborted) throw new Halted()
      try {
        const turn = this.#turn()
        const outcome = turn instanceof Promise ? await turn : turn
        if (outcome) return outcome
      } catch (error) {
        // What the runner shuts down on its way out is not the run's failure.
        if (halt.aborted) throw new Halted()
        if (error instanceof Fenced) return { kind: 'fenced' }
        this.#fail(error)
      }
    }
  }

  /** The failing task is the last frame; from here on the error is its surroundings' matter. */
  #fail(error: unknown): void {
    const { problem, final } = asProblem(error, lastTask(this.#run)?.pointer ?? '/', this.#run)
    this.#state.error = problem
    if (final) this.#state.frames.length = 0
    else this.#state.frames.pop()
  }

  /** No outcome: the run goes on. */
  #turn(): Soon<RunOutcome | undefined> {
    checkDeadlines(this.#state, this.#run.clock)
    if (this.#state.error) return this.#handleError(this.#state.error)
    if (this.#state.phase === 'new') return this.#beginWorkflow()
    const frame = this.#state.frames.at(-1)
    return frame ? this.#workOn(frame) : this.#finish()
  }

  async #handleError(error: Problem): Promise<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1)
    if (!frame) return { kind: 'failed', error }
    if (this.#unsaved) await this.checkpoint()
    const step = await taskTypeOf(taskOf(this.#run, frame)).failed?.(this.#atWork(frame), error)
    if (!step) {
      this.#state.frames.pop()
      return undefined
    }
    delete this.#state.error
    return await this.#apply(step)
  }

  #beginWorkflow(): Soon<undefined> {
    const state = this.#state
    const { plan, clock } = this.#run
    state.startedAt = clock.now()
    state.data = state.call
    return whenThere(plan.input || plan.timeout ? this.#prepareWorkflow() : undefined, () => {
      state.phase = 'running'
      if (plan.do.length > 0) state.frames.push(newFrame('do', 0, state.data))
      return undefined
    })
  }

  async #prepareWorkflow(): Promise<void> {
    const state = this.#state
    const { input, timeout } = this.#run.plan
    if (input) state.data = await this.#readInput(input, state.call, {})
    if (timeout)
      state.deadline = state.startedAt + (await this.#evaluator.milliseconds(timeout, state.data, {}))
  }

  #workOn(frame: Frame): Soon<RunOutcome | undefined> {
    const saved = this.#unsaved ? this.checkpoint() : undefined
    return whenThere(saved, () => this.#beginTask(frame, taskOf(this.#run, frame)))
  }

  #beginTask(frame: Frame, task: TaskPlan): Soon<RunOutcome | undefined> {
    if (frame.begun) return this.#perform(frame, task)
    this.#countStep()
    frame.startedAt = this.#run.clock.now()
    const isWanted = task.if || task.input || task.timeout ? this.#prepare(frame, task) : true
    return whenThere(isWanted, (isWanted) => {
      if (!isWanted) return this.#leave(frame, frame.rawInput, 'continue')
      frame.begun = true
      return this.#perform(frame, task)
    })
  }

  #perform(frame: Frame, task: TaskPlan): Soon<RunOutcome | undefined> {
    return whenThere(taskTypeOf(task).begin(this.#atWork(frame)), (step) => this.#apply(step))
  }

  /** False: the task is skipped. */
  async #prepare(frame: Frame, task: TaskPlan): Promise<boolean> {
    const place = { frame }
    if (task.if && !(await this.#evaluator.holds(task.if, frame.rawInput, place))) return false
    if (task.input) frame.input = await this.#readInput(task.input, frame.rawInput, place)
    if (task.timeout)
      frame.deadline =
        frame.startedAt + (await this.#evaluator.milliseconds(task.timeout, frame.input, place))
    return true
  }

  #countStep(): void {
    if (++this.#state.steps > MAX_STEPS)
      throw failure('runtime', `a run takes at most ${MAX_STEPS} steps`, { final: true })
  }

  async #readInput(plan: InputPlan, raw: Json, place: Place): Promise<Json> {
    if (plan.schema !== undefined) await this.#evaluator.fit(plan.schema, raw, 'the input')
    return plan.from ? await this.#evaluator.evaluate(plan.from, raw, place) : raw
  }

  async #writeOutput(plan: OutputPlan | undefined, raw: Json, place: Place): Promise<Json> {
    const output = plan?.as ? await this.#evaluator.evaluate(plan.as, raw, place) : raw
    if (plan?.schema !== undefined) await this.#evaluator.fit(plan.schema, output, 'the output')
    return output
  }

  /** Follows steps until a task has to begin, an error rises, or the run sleeps. */
  #apply(first: Step): Soon<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1) as Frame
    switch (first.kind) {
      case 'park':
        return this.#park(first.until)
      case 'list':
        return this.#enter(frame, first)
      case 'done': {
        const task = taskOf(this.#run, frame)
        const then = first.then ?? task.then
        if (!task.output && !task.export) return this.#leave(frame, first.output, then)
        return this.#conclude(frame, task, first.output).then((output) => this.#leave(frame, output, then))
      }
    }
  }

  #enter(frame: Frame, { list, input }: Extract<Step, { kind: 'list' }>): Soon<RunOutcome | undefined> {
    const task = taskOf(this.#run, frame)
    const tasks = taskTypeOf(task).lists?.(task)[list] ?? []
    this.#countStep()
    if (tasks.length === 0) return this.#listEnded(input, false)
    this.#state.frames.push(newFrame(list, 0, input))
    return undefined
  }

  /** `output` and `export` of a task that has its result. */
  async #conclude(frame: Frame, task: TaskPlan, result: Json): Promise<Json> {
    const place = { frame, result }
    const output = await this.#writeOutput(task.output, result, { ...place, output: result })
    if (task.export) this.#state.context = await this.#writeOutput(task.export, output, { ...place, output })
    return output
  }

  /** Takes the task's frame away and goes on where `then` says. */
  #leave(frame: Frame, output: Json, then: string): Soon<RunOutcome | undefined> {
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
    return this.#listEnded(output, then === 'exit')
  }

  #listEnded(output: Json, exited: boolean): Soon<RunOutcome | undefined> {
    const frame = this.#state.frames.at(-1)
    if (!frame) return undefined
    delete frame.attemptDeadline
    const step = taskTypeOf(taskOf(this.#run, frame)).ended?.(this.#atWork(frame), output, exited)
    return whenThere(step, (next) => this.#apply(next ?? { kind: 'done', output }))
  }

  #finish(): Soon<RunOutcome> {
    const { output: plan } = this.#run.plan
    const { data } = this.#state
    // What fails now has no task around it.
    this.#state.phase = 'ended'
    const written = plan ? this.#writeOutput(plan, data, { output: data }) : data
    return whenThere(written, (output) => ({ kind: 'completed', output }))
  }

  async #park(until: number): Promise<RunOutcome> {
    const wakeAt = Math.min(until, nearestDeadline(this.#state))
    if (!(await this.#run.park(this.#state, Math.max(0, wakeAt - this.#run.clock.now())))) throw new Fenced()
    return { kind: 'parked' }
  }

  async checkpoint(): Promise<void> {
    if (!(await this.#run.save(this.#state))) throw new Fenced()
    this.#unsaved = false
  }

  effectDone(): void {
    this.#unsaved = true
  }

  #atWork(frame: Frame): AtWork {
    return new AtWork(this.#run, frame, { evaluator: this.#evaluator, effects: this })
  }
}
