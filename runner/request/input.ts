import type { CallEvent, Json } from '../../state/event.ts'
import type { Soon } from '../soon.ts'
import { whenThere } from '../soon.ts'
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
export function decodeCall(event: CallEvent): Soon<RunInput> {
  // The bytes of an event of a WebSocket are those of its message.
  const body = event.socket ? null : decodeBody(event.body, event.headers['content-type'])
  return whenThere(body, (decoded) => inputOf(event, decoded))
}

function inputOf(event: CallEvent, decoded: Json): RunInput {
  const { id, time, type, method, path, headers, clientIP } = event
  const { namespace, name } = event.webhook
  const { query, body } = queryAndBody(event, decoded)
  const input: RunInput = {
    id,
    time,
    type,
    webhook: { namespace, name },
    method,
    path,
    query,
    headers,
    body,
    clientIP,
  }
  if (event.socket) input.message = decodeMessage(event)
  const replyId = event.reply?.id ?? event.socket?.id
  if (replyId !== undefined) input.replyId = replyId
  return input
}

function queryAndBody(event: CallEvent, body: Json): { query: Json; body: Json } {
  const query = parsePairs(event.query)
  const isMerged =
    event.merged &&
    (body === null || (isDictionary(body) && !isBinary(event.body, event.headers['content-type'])))
  return isMerged ? { query: {}, body: { ...query, ...body } } : { query, body }
}

function isDictionary(value: Json): value is { [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
