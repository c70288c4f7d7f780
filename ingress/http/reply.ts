import type { Json } from '../../state/event.ts'
import type { ReplyMessage } from '../../state/state.ts'
import type { ServedRoute } from '../routes/served.ts'
import { allowedContentType, allowedHeaders, headerOf, isJson } from '../routes/answer-headers.ts'
import type { HttpLimits } from './limits.ts'
import type { Prepared } from '../routes/prepared.ts'
import { finalStatus, prepare, preparedAnswers } from '../routes/prepared.ts'

type ReplyLimits = Pick<HttpLimits, 'replyBytes' | 'replyHeaderCount' | 'replyHeaderBytes'>

/**
 * The answer that a run's message makes. What is over the limits becomes a 502: cut short it would be another
 * answer.
 */
export function renderReply(message: ReplyMessage, route: ServedRoute, limits: ReplyLimits): Prepared {
  if (message.kind === 'output') return renderOutput(message.body, route.output, limits)
  if (message.kind === 'reply') return renderOwn(message, limits)
  return message.kind === 'failed' ? preparedAnswers.RunFailed : preparedAnswers.RunEnded
}

/**
 * What `call: reply` gives. A text goes out as it is, whatever its type is called; null is no body; anything
 * else is JSON. Without a content type a text is `text/plain`; one that is not allowed becomes JSON's.
 */
function renderOwn(message: Extract<ReplyMessage, { kind: 'reply' }>, limits: ReplyLimits): Prepared {
  if (!headersFit(message.headers, limits)) return preparedAnswers.ReplyTooLarge
  const body = message.body === null ? '' : textOf(message.body)
  if (Buffer.byteLength(body) > limits.replyBytes) return preparedAnswers.ReplyTooLarge
  const asked = headerOf(message.headers, 'content-type')
  return prepare({
    status: finalStatus(message.status),
    contentType: asked === undefined ? defaultType(message.body) : allowedContentType(asked),
    headers: allowedHeaders(message.headers),
    body,
  })
}

function defaultType(body: Json): string | undefined {
  if (body === null) return undefined
  return typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
}

/**
 * A workflow's output under the webhook's own status and headers: as JSON when these say JSON, else as a
 * reply's body.
 */
function renderOutput(body: Json, output: ServedRoute['output'], limits: ReplyLimits): Prepared {
  const text = isJson(output.contentType) ? JSON.stringify(body) : body === null ? '' : textOf(body)
  if (Buffer.byteLength(text) > limits.replyBytes) return preparedAnswers.ReplyTooLarge
  return prepare({ ...output, body: text })
}

function textOf(body: Json): string {
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function headersFit(headers: Record<string, string>, limits: ReplyLimits): boolean {
  const entries = Object.entries(headers)
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return entries.length <= limits.replyHeaderCount && bytes <= limits.replyHeaderBytes
}
