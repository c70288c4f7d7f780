/**
 * The compiled form of a Workflow: plain, versioned data, every reference resolved, every expression a
 * checked program. The operator writes it, the runner executes it. Golden files in
 * `test/operator/workflow/golden` show it.
 */
import type { Json } from '../state/event.ts'
import type { Program, Value } from './expression/expression.ts'

export type { Json, Program, Value }

export interface Plan {
  version: 1
  namespace: string
  name: string
  uid: string
  generation: number
  /** `spec.suspend`: the runner starts no run of it. */
  suspended: boolean
  triggers: Trigger[]
  /** The globals of the namespace, for `$globals`; only when an expression reads them. */
  globals: Json
  /** Some of the globals are of a Secret: what jq says over them is not shown. */
  secretGlobals?: true
  /**
   * `use.secrets` by name, for `$secrets`: the key/value pairs of each Secret. Never checkpointed or logged.
   */
  secrets: Record<string, Record<string, Json>>
  /** `$workflow.definition`: the spec's document part. */
  document: { name: string; namespace: string; version: string; dsl: string }
  input?: InputPlan
  output?: OutputPlan
  timeout?: Duration
  do: TaskPlan[]
}

export interface Trigger {
  /** The Webhook's name, in the Workflow's namespace. */
  webhook: string
  /** Over the run's input; absent means always. */
  when?: Program
}

/** JSON Schema checks and transformations around a task or workflow, in the standard's order. */
export interface InputPlan {
  schema?: Json
  from?: Value
}
export interface OutputPlan {
  as?: Value
  schema?: Json
}

/** Milliseconds, or a program that gives an ISO 8601 duration or a duration object. */
export type Duration = { ms: number } | Program

export interface TaskBase {
  name: string
  /** JSON pointer in the Workflow's spec: `/do/0/order/try/1/get`. It is the `instance` of errors. */
  pointer: string
  if?: Program
  input?: InputPlan
  output?: OutputPlan
  /** `$context` becomes its value. */
  export?: OutputPlan
  timeout?: Duration
  /** `continue`, `exit`, `end`, or the name of a task of the same list. */
  then: string
}

export interface DoTask extends TaskBase {
  type: 'do'
  do: TaskPlan[]
}
export interface SetTask extends TaskBase {
  type: 'set'
  set: Value
}
export interface SwitchTask extends TaskBase {
  type: 'switch'
  /** The first case whose `when` is true, or that has none, decides where to go on. */
  cases: { name: string; when?: Program; then: string }[]
}
export interface ForTask extends TaskBase {
  type: 'for'
  /** Variable names, without `$`. */
  each: string
  at: string
  in: Value
  while?: Program
  do: TaskPlan[]
}
export interface TryTask extends TaskBase {
  type: 'try'
  try: TaskPlan[]
  catch: CatchPlan
}
export interface CatchPlan {
  /**
   * Literal values that the error must equal; `type` matches by the standard's names. Absent: every error.
   */
  errors?: ErrorFilter
  /** The variable that holds the error, without `$`. */
  as: string
  when?: Program
  exceptWhen?: Program
  retry?: RetryPlan
  do?: TaskPlan[]
}
export interface ErrorFilter {
  type?: string
  status?: number
  instance?: string
  title?: string
  detail?: string
}
export interface RetryPlan {
  when?: Program
  exceptWhen?: Program
  delay?: Duration
  backoff: 'constant' | 'linear' | 'exponential'
  jitter?: { from: Duration; to: Duration }
  limit: {
    /** How many times the tasks are tried again at most, and for how long each may take. */
    attempt?: { count?: number; duration?: Duration }
    /** How long all tries together may take. */
    duration?: Duration
  }
}
export interface RaiseTask extends TaskBase {
  type: 'raise'
  error: { type: Value; status: Value; title?: Value; detail?: Value; instance?: Value }
}
export interface WaitTask extends TaskBase {
  type: 'wait'
  wait: Duration
}
export interface HttpCallTask extends TaskBase {
  type: 'call:http'
  method: string
  endpoint: Value
  authentication?: { basic: { username: Value; password: Value } } | { bearer: { token: Value } }
  headers?: Value
  query?: Value
  body?: Value
  /**
   * `with.output`. `content`: the decoded body; `response`: status, headers and body; `raw`: the body in
   * base64.
   */
  result: 'raw' | 'content' | 'response'
  redirect: boolean
}
export interface ReplyCallTask extends TaskBase {
  type: 'call:reply'
  /** `{status, headers, body, replyId}`, all optional. */
  with: Value
}

export type TaskPlan =
  DoTask | SetTask | SwitchTask | ForTask | TryTask | RaiseTask | WaitTask | HttpCallTask | ReplyCallTask
export type TaskType = TaskPlan['type']
