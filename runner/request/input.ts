import type { CallEvent, Json } from '../../state/event.ts'
import { decodeBody, isBinary } from './body.ts'
import { decodeMessage } from './message.ts'
import { parsePairs } from './pairs.ts'

/** What a run begins with, and what `$workflow.input` is throughout. */
export interface RunInput {
  [field: string]: Json
  id: string
  time: string
  type: CallEvent['type']
  webhook: { namespace: string; name: string }
  method: string
  path: string
  query: Json
  headers: Record<string, string>
  body: Json
  clientIP: string
}

/**
 * Decodes a call. Never rejects because of what the call holds: a body that is not what its content type says
 * is its text.
 *
 * `input: Merged`: `body` is query and body in one dictionary, in which the body wins, and `query` is empty.
 * A body that is neither empty nor an object, or is binary, can't be merged: it stays as it is, and so does the query.
 */
export async function decodeCall(event: CallEvent): Promise<RunInput> {
  let query: Json = parsePairs(event.query)
  // The bytes of an event of a WebSocket are those of its message.
  const contentType = event.headers['content-type']
  let body = event.socket ? null : await decodeBody(event.body, contentType)
  if (event.merged && (body === null || (isDictionary(body) && !isBinary(event.body, contentType)))) {
    body = { ...query, ...body }
    query = {}
  }
  return {
    id: event.id,
    time: event.time,
    type: event.type,
    webhook: { namespace: event.webhook.namespace, name: event.webhook.name },
    method: event.method,
    path: event.path,
    query,
    headers: event.headers,
    body,
    clientIP: event.clientIP,
    ...(event.socket ? { message: decodeMessage(event), replyId: event.socket.id } : {}),
    ...(event.reply ? { replyId: event.reply.id } : {}),
  }
}

function isDictionary(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
