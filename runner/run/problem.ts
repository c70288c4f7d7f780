/** The errors of a run: RFC 9457 objects whose types are those of the Open Workflow Specification. */
import type { Json } from '../../state/event.ts'

export type ProblemKind =
  | 'configuration'
  | 'validation'
  | 'expression'
  | 'authentication'
  | 'authorization'
  | 'timeout'
  | 'communication'
  | 'runtime'

/** What `$error` holds. */
export interface Problem {
  [member: string]: Json
  type: string
  status: number
  title: string
  /** The JSON pointer of the task that failed, `/do/0/order/try/1/get`; `/` for the workflow itself. */
  instance: string
}

/** A problem before it is known which task it belongs to. */
export interface Raised {
  type: string
  status: number
  title: string
  detail?: string
  instance?: string
}

const BASE = 'https://open-workflow-specification.org/spec/1.0.0/errors/'

/**
 * The bases that authors write: the standard's present and former one, and the pages that describe the types.
 */
const BASES =
  /^https:\/\/(?:www\.)?(?:open-workflow-specification\.org|serverlessworkflow\.io)\/(?:spec\/1\.0\.0\/errors|dsl\/errors\/types)\/([a-z]+)\/?$/

const KINDS: Record<ProblemKind, { status: number; title: string }> = {
  configuration: { status: 400, title: 'Configuration error' },
  validation: { status: 400, title: 'Validation error' },
  expression: { status: 400, title: 'Expression error' },
  authentication: { status: 401, title: 'Authentication error' },
  authorization: { status: 403, title: 'Authorization error' },
  timeout: { status: 408, title: 'Timeout error' },
  communication: { status: 500, title: 'Communication error' },
  runtime: { status: 500, title: 'Runtime error' },
}

/** An error of a run: what `raise` throws and `catch` sees. */
export class WorkflowError extends Error {
  override name = 'WorkflowError'
  readonly problem: Raised
  /** No `catch` may hold it: the run ends. */
  readonly final: boolean

  constructor(problem: Raised, final = false) {
    super(problem.title)
    this.problem = problem
    this.final = final
  }
}

/**
 * One of the standard's errors. `detail` is shown to the workflow's author and may reach a caller: no secret
 * belongs in it.
 */
export function failure(
  kind: ProblemKind,
  detail: string,
  more: { status?: number; final?: boolean } = {},
): WorkflowError {
  const { status, title } = KINDS[kind]
  return new WorkflowError({ type: BASE + kind, status: more.status ?? status, title, detail }, more.final)
}

/** Whether two error types name the same error, by whichever of the standard's bases. */
export function isSameType(one: string, other: string): boolean {
  return canonical(one) === canonical(other)
}

function canonical(type: string): string {
  const name = BASES.exec(type)?.[1]
  return name === undefined ? type : BASE + name
}
