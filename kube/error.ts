/** An answer of the API server that is not a success. */
export class ApiError extends Error {
  override name = 'ApiError'
  /** The HTTP status. */
  readonly status: number
  /**
   * The API server's word for it, such as `AlreadyExists`, `Conflict` or `Expired`; empty when it gave none.
   */
  readonly reason: string
  /** How long it asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(answer: { status: number; reason: string; message: string; retryAfterMs?: number }) {
    super(answer.message)
    this.status = answer.status
    this.reason = answer.reason
    this.retryAfterMs = answer.retryAfterMs
  }
}

/** Reads a `Status` object, the API server's form of a failure; `body` may be anything. */
export function readStatus(status: number, body: string, retryAfter?: string): ApiError {
  const { code, reason, message } = parse(body)
  const seconds = Number(retryAfter)
  return new ApiError({
    status: code ?? status,
    reason: reason ?? '',
    message: message ?? `the API server answered ${status}`,
    ...(retryAfter !== undefined && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
  })
}

interface StatusObject {
  code?: number
  reason?: string
  message?: string
}

function parse(body: string): StatusObject {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404

/** Something by that name is there already, or it changed since it was read. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409

/** The version that was asked for is no longer, or not yet, known: only a new list helps. */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
