import type { Json } from '../../state/event.ts'
import type { ReplyMessage } from '../../state/state.ts'
import { failure } from '../engine/problem.ts'
import { readHeaders } from './headers.ts'

/**
 * Reads the arguments of `reply`: `{status, headers, body, replyId}`, each of which may be absent or null: status 200, no headers, no
 * body, the caller who waits (`ownId`).
 * @throws {WorkflowError} validation
 */
export function readReply(
  args: Json,
  ownId: string | undefined,
): { to: string | undefined; message: ReplyMessage } {
  if (args === null || typeof args !== 'object' || Array.isArray(args))
    throw failure('validation', 'the arguments of reply are not an object')
  const { status, headers, body = null, replyId } = args
  if (replyId !== undefined && replyId !== null && typeof replyId !== 'string')
    throw failure('validation', 'replyId is not a text')
  return {
    to: replyId ?? ownId,
    message: { kind: 'reply', status: readStatus(status), headers: readHeaders(headers), body },
  }
}

function readStatus(status: Json | undefined): number {
  if (status === undefined || status === null) return 200
  const code = typeof status === 'string' && /^\d{3}$/.test(status) ? Number(status) : status
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 200 || code > 599)
    throw failure('validation', 'the status of a reply is a whole number from 200 to 599')
  return code
}
