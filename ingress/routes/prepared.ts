import type { Answer, AnswerCode } from '../answers.ts'
import { answers } from '../answers.ts'
import type { RejectStatus, VerificationOutcome } from '../verify/verifier.ts'
import { allowedContentType, SECURITY_HEADERS } from './answer-headers.ts'

/** An answer ready to be written: nothing is left to compute but the headers of the single call. */
export interface Prepared {
  status: number
  /** Names and values in turn, as `writeHead` takes them. Holds the content length where there may be one. */
  headers: readonly string[]
  /**
   * Undefined where the status allows none. A string, because Node then writes head and body at once: a
   * Buffer costs a tenth more CPU for the whole call.
   */
  body: string | undefined
  /** Of an answer that the table has. */
  code?: AnswerCode
}

interface Parts {
  status: number
  /** Undefined: sent without one. */
  contentType: string | undefined
  /** More headers, already checked. */
  headers: readonly string[]
  body: string
}

/** A status that ends an exchange; 1xx can't, and what is not a status code at all is taken for 200. */
export function finalStatus(status: number): number {
  return Number.isInteger(status) && status >= 200 && status <= 599 ? status : 200
}

/** 204 and 304 have no body and no length (RFC 9110, 8.6), 205 has a length of 0 (15.3.6). */
function bodyAllowed(status: number): boolean {
  return status !== 204 && status !== 304 && status !== 205
}

export function prepare({ status, contentType, headers, body }: Parts): Prepared {
  const lines = [...headers, ...SECURITY_HEADERS]
  if (!bodyAllowed(status)) {
    if (status === 205) lines.push('Content-Length', '0')
    return { status, headers: lines, body: undefined }
  }
  if (contentType !== undefined) lines.push('Content-Type', contentType)
  lines.push('Content-Length', String(Buffer.byteLength(body)))
  return { status, headers: lines, body }
}

function prepareAnswer(code: AnswerCode, status: number = answers[code].status): Prepared {
  const { body, retryAfter }: Answer = answers[code]
  const headers = typeof retryAfter === 'number' ? ['Retry-After', String(retryAfter)] : []
  return { ...prepare({ status, contentType: 'application/json', headers, body }), code }
}

/** The table of answers, prepared; those with an exact `Retry-After` lack it. */
export const preparedAnswers = Object.fromEntries(
  (Object.keys(answers) as AnswerCode[]).map((code) => [code, prepareAnswer(code)]),
) as Record<AnswerCode, Prepared>

/** The answer to a caller who waited in vain, with the webhook's own status for it. */
export function timeoutAnswer(status: number): Prepared {
  return prepareAnswer('ReplyTimeout', finalStatus(status))
}

/** The answer to a call that failed its verification, with the status that the provider expects. */
export function verificationAnswer(status: RejectStatus = 401): Prepared {
  return refusedCalls[status]
}

const refusedCalls = Object.fromEntries(
  ([400, 401, 403, 404, 405, 415] as const satisfies RejectStatus[]).map((status) => [
    status,
    prepareAnswer('VerificationFailed', status),
  ]),
) as Record<RejectStatus, Prepared>

/**
 * What a provider is told in its handshake. The type is one that runs no script: some handshakes echo what
 * the caller sent.
 */
export function handshakeAnswer(outcome: Extract<VerificationOutcome, { kind: 'handshake' }>): Prepared {
  const { status, body, contentType = 'text/plain; charset=utf-8', headers = [] } = outcome
  return prepare({ status, contentType: allowedContentType(contentType), headers, body })
}
