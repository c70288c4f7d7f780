import type { Json } from '../../state/event.ts'
import { ExpressionError } from '../expression/expression.ts'
import type { Program, Value, Variables } from '../expression/expression.ts'
import { RUNTIME_VARIABLES } from '../expression/template.ts'
import type { Duration, Plan } from '../plan.ts'
import { SchemaError } from '../schema/schemas.ts'
import { toMilliseconds } from '../duration.ts'
import { failure } from '../run/problem.ts'
import type { Frame } from '../run/run-state.ts'
import type { Run } from '../run/run.ts'
import type { Soon } from '../soon.ts'
import { taskTypeOf } from '../tasks/registry.ts'
import { taskOf } from './position.ts'

/** Where an expression stands: the workflow's own at no task. */
export interface Place {
  frame?: Frame | undefined
  /** What the task gave, once it has its result. */
  result?: Json
  /** `$output`: what its `output` has made of that. */
  output?: Json
}

/** A time as the standard's `startedAt`. */
export function instant(ms: number): Json {
  return { iso8601: new Date(ms).toISOString(), epoch: { seconds: Math.floor(ms / 1000), milliseconds: ms } }
}

/** How an evaluation failed. jq's messages quote values; errors are stored, logged, and may be sent to callers. */
export function withoutSecrets(
  error: unknown,
  { variables }: Program,
  { secretGlobals }: Pick<Plan, 'secretGlobals'>,
): unknown {
  const readsSecrets = variables.includes('secrets') || (secretGlobals && variables.includes('globals'))
  if (!(error instanceof ExpressionError) || !readsSecrets) return error
  return new ExpressionError(
    'an expression that reads a secret failed; what jq said may hold it, and is not shown',
  )
}

/** Evaluates the values, conditions, durations and schemas of one run. */
export class Evaluator {
  readonly #run: Run

  constructor(run: Run) {
    this.#run = run
  }

  evaluate(value: Value, input: Json, place: Place): Soon<Json> {
    return 'literal' in value ? value.literal : this.#compute(value, input, place)
  }

  async #compute(program: Program, input: Json, place: Place): Promise<Json> {
    try {
      return await this.#run.expressions.evaluate(program, input, this.#variables(program, place))
    } catch (error) {
      throw withoutSecrets(error, program, this.#run.plan)
    }
  }

  async holds(value: Value, input: Json, place: Place): Promise<boolean> {
    const result = await this.evaluate(value, input, place)
    return result !== false && result !== null
  }

  async milliseconds(duration: Duration, input: Json, place: Place): Promise<number> {
    if ('ms' in duration) return duration.ms
    const ms = toMilliseconds(await this.evaluate(duration, input, place))
    if (ms === undefined)
      throw failure('validation', 'an expression gives no duration such as PT30S or {seconds: 30}')
    return ms
  }

  /** @throws {WorkflowError} validation, when the value does not fit the schema. */
  async fit(schema: Json, value: Json, name: string): Promise<void> {
    const fault = await this.#validate(schema, value)
    if (fault !== undefined) throw failure('validation', `${name} does not fit its schema: ${fault}`)
  }

  async #validate(schema: Json, value: Json): Promise<string | undefined> {
    try {
      return await this.#run.schemas.validate(schema, value)
    } catch (error) {
      if (error instanceof SchemaError)
        throw failure('configuration', `the schema can't be used: ${error.message}`)
      throw error
    }
  }

  #variables({ variables }: Program, place: Place): Variables {
    return Object.fromEntries(variables.map((name) => [name, this.#variable(name, place)]))
  }

  #variable(name: string, place: Place): Json {
    const { plan, state, runtime } = this.#run
    // Loop variables and the caught error.
    const around = state.frames.findLast(({ variables }) => Object.hasOwn(variables, name))
    if (around) return around.variables[name] ?? null
    const given = RUNTIME_VARIABLES.find((variable) => variable === name)
    switch (given) {
      case 'context':
        return state.context
      case 'input':
        return place.frame?.input ?? null
      case 'output':
        return place.output ?? null
      case 'task':
        return place.frame ? this.#task(place.frame, place.result) : null
      case 'secrets':
        return plan.secrets
      case 'globals':
        return plan.globals
      case 'runtime':
        return runtime
      case 'workflow':
        return this.#workflow()
      case undefined:
        // Of a plan of a former operator, which knew more.
        return null
    }
  }

  /** `$task`. */
  #task(frame: Frame, result: Json | undefined): Json {
    const task = taskOf(this.#run, frame)
    return {
      name: task.name,
      reference: task.pointer,
      input: frame.rawInput,
      startedAt: instant(frame.startedAt),
      ...(result === undefined ? {} : { output: result, ...taskTypeOf(task).about?.(frame) }),
    }
  }

  /** `$workflow`. Its `input` is the call itself, whatever the workflow's `input.from` makes of it. */
  #workflow(): Json {
    const { plan, runId, state } = this.#run
    return {
      id: runId,
      definition: { document: plan.document },
      input: state.call,
      startedAt: instant(state.startedAt),
    }
  }
}
