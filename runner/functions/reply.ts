import type { Json } from '../../state/event.ts'
import { isSocketId } from '../../state/reply-id.ts'
import type { ReplyMessage, SocketMessage } from '../../state/state.ts'
import { failure } from '../run/problem.ts'
import { readHeaders } from './headers.ts'
import { readSocketMessage } from './socket-message.ts'

/** To whom, and what. `to` is undefined when nobody waits and nobody is named. */
export type Reply =
  | { kind: 'answer'; to: string | undefined; message: ReplyMessage }
  | { kind: 'message'; to: string; message: SocketMessage }

/**
 * Reads the arguments of `reply`: `{status, headers, body, replyId}`, each of which may be absent or null:
 * status 200, no headers, no body, the caller who waits or the WebSocket whose event it is (`ownId`). To a
 * WebSocket: `{body, encoding, close, replyId}`.
 * @throws {WorkflowError} validation
 */
export function readReply(args: Json, ownId: string | undefined): Reply {
  if (args === null || typeof args !== 'object' || Array.isArray(args))
    throw failure('validation', 'the arguments of reply are not an object')
  const { status, headers, body = null, replyId, encoding, close } = args
  if (replyId !== undefined && replyId !== null && typeof replyId !== 'string')
    throw failure('validation', 'replyId is not a text')
  const to = replyId ?? ownId
  if (to !== undefined && isSocketId(to)) return { kind: 'message', to, message: readSocketMessage(args) }
  if (to !== undefined && (encoding ?? close ?? null) !== null)
    throw failure('validation', 'encoding and close are for WebSockets; this caller waits for an HTTP answer')
  return {
    kind: 'answer',
    to,
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
