import type { Json } from '../../state/event.ts'
import { ExpressionError } from '../expression/expression.ts'
import type { Program, Value, Variables } from '../expression/expression.ts'
import { RUNTIME_VARIABLES } from '../expression/template.ts'
import type { Duration, Plan } from '../plan.ts'
import { SchemaError } from '../schema/schemas.ts'
import { toMilliseconds } from '../duration.ts'
import { failure } from '../run/problem.ts'
import type { Run } from '../run/run.ts'

/** What an expression sees beyond the workflow itself. */
export interface Scope {
  input?: Json
  output?: Json
  /** Made when an expression asks for it. */
  task?: () => Json
  /** Loop variables and the caught error. */
  variables?: Record<string, Json>
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

  async evaluate(value: Value, input: Json, scope: Scope): Promise<Json> {
    if ('literal' in value) return value.literal
    try {
      return await this.#run.expressions.evaluate(value, input, this.#variables(value, scope))
    } catch (error) {
      throw withoutSecrets(error, value, this.#run.plan)
    }
  }

  async holds(value: Value, input: Json, scope: Scope): Promise<boolean> {
    const result = await this.evaluate(value, input, scope)
    return result !== false && result !== null
  }

  async milliseconds(duration: Duration, input: Json, scope: Scope): Promise<number> {
    if ('ms' in duration) return duration.ms
    const ms = toMilliseconds(await this.evaluate(duration, input, scope))
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

  #variables({ variables }: Program, scope: Scope): Variables {
    return Object.fromEntries(variables.map((name) => [name, this.#variable(name, scope)]))
  }

  #variable(name: string, scope: Scope): Json {
    const { plan, state, runtime } = this.#run
    if (scope.variables && Object.hasOwn(scope.variables, name)) return scope.variables[name] ?? null
    const given = RUNTIME_VARIABLES.find((variable) => variable === name)
    switch (given) {
      case 'context':
        return state.context
      case 'input':
        return scope.input ?? null
      case 'output':
        return scope.output ?? null
      case 'task':
        return scope.task?.() ?? null
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
