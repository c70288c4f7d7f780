import { createHash, hash } from 'node:crypto'
import type { Json } from '../../state/event.ts'
import { traceparent } from '../../state/trace-context.ts'
import { WorkflowError, failure } from '../run/problem.ts'
import { Halted } from '../run/run.ts'
import { buildRequest } from '../functions/http-request.ts'
import { readResponse } from '../functions/http-response.ts'
import type { HttpCallTask } from '../plan.ts'
import type { TaskAtWork, TaskType } from './task.ts'

/** A call that no `timeout` bounds. */
const DEFAULT_TIMEOUT_MS = 30_000

/**
 * An HTTP request. Its memory is how often the task had begun before, so that a request that is repeated
 * after a crash or by a retry carries the same `Idempotency-Key`. A status other than 2xx is a communication
 * error with that status.
 */
export const httpTask: TaskType<HttpCallTask> = {
  async begin(at) {
    const { task, frame, runId, visits } = at
    frame.memory ??= visits.count(task.pointer)
    const request = await buildRequest(task, (value) => at.evaluate(value, frame.input))
    if (!request.headers.has('idempotency-key'))
      request.headers.set('idempotency-key', idempotencyKey(runId, task.pointer, Number(frame.memory)))
    joinTrace(request.headers, at)
    await at.checkpoint()
    const output = await withTimeout(at, async (signal) =>
      readResponse(task.result, await send(at, request, signal)),
    )
    at.effectDone()
    return { kind: 'done', output }
  },
}

/** A request belongs to the trace of the call, as a span of its own, unless the workflow says otherwise. */
function joinTrace(headers: Headers, { trace, task, frame, runId }: TaskAtWork<HttpCallTask>): void {
  if (trace === undefined || headers.has('traceparent')) return
  // The same span when the request is repeated.
  const spanId = hash('sha256', `${runId}:${task.pointer}:${Number(frame.memory)}`, 'hex').slice(0, 16)
  headers.set('traceparent', traceparent(trace, spanId))
  if (trace.state !== undefined && !headers.has('tracestate')) headers.set('tracestate', trace.state)
}

/** `<run>:<pointer>:<iteration>`; hashed where a task's name makes it too long or unfit for a header. */
function idempotencyKey(runId: string, pointer: string, iteration: number): string {
  const key = `${runId}:${pointer}:${iteration}`
  return /^[\x21-\x7e]{1,200}$/.test(key) ? key : createHash('sha256').update(key).digest('base64url')
}

async function send(
  at: TaskAtWork<HttpCallTask>,
  request: Awaited<ReturnType<typeof buildRequest>>,
  signal: AbortSignal,
): Promise<Response> {
  const { url, ...init } = request
  const response = await at.fetch(url, { ...init, redirect: at.task.redirect ? 'follow' : 'manual', signal })
  if (response.ok) return response
  await response.body?.cancel()
  throw failure('communication', `the server answered ${response.status}`, { status: response.status })
}

/**
 * What fails in `act` becomes an error of the run. When the runner stops, the engine does not ask what
 * failed.
 */
async function withTimeout(
  { clock, deadline, halt }: Pick<TaskAtWork<HttpCallTask>, 'clock' | 'deadline' | 'halt'>,
  act: (signal: AbortSignal) => Promise<Json>,
): Promise<Json> {
  const timeout = new AbortController()
  const leftMs = Math.min(DEFAULT_TIMEOUT_MS, deadline - clock.now())
  const cancel = clock.setTimer(() => timeout.abort(), Math.max(0, leftMs))
  try {
    return await act(AbortSignal.any([timeout.signal, halt]))
  } catch (error) {
    if (halt.aborted) throw new Halted()
    if (error instanceof WorkflowError) throw error
    if (timeout.signal.aborted) throw failure('timeout', 'the server did not answer in time')
    throw failure('communication', `the server can't be reached${codeOf(error)}`)
  } finally {
    cancel()
  }
}

/** The system's code (`ECONNREFUSED`) and no more: messages may hold the URL, and with it a secret. */
function codeOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: unknown } }
  return typeof cause?.code === 'string' && /^[A-Z_]+$/.test(cause.code) ? `: ${cause.code}` : ''
}
