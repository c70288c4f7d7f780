/**
 * Which calls are the same: by what the verification calls the delivery, or by a header such as
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header).
 */
import { createHash, hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Once } from '../../state/state.ts'
import type { ServedRoute } from '../routes/served.ts'
import type { Target } from './target.ts'

/** Longer keys are refused: it is no id then. */
const LONGEST_KEY = 255

export interface RepeatableCall {
  req: IncomingMessage
  route: ServedRoute
  target: Target
  body: Buffer
  /** What the verification calls the delivery. */
  deliveryId?: string | undefined
  /** Who calls, by the verification. */
  caller?: string | undefined
}

/**
 * Undefined: the call is taken like any other. `invalid`: it must have a key and has none that can be one.
 */
export function onceOf(call: RepeatableCall): Once | 'invalid' | undefined {
  const { once, webhook } = call.route
  if (once === undefined) return undefined
  const key = once.by === 'Delivery' ? call.deliveryId : keyIn(call.req, once.header ?? '')
  if (key === undefined) return once.required ? 'invalid' : undefined
  // A provider's id is whatever the provider says it is; a caller's own key has to be one.
  if (key === '' || (once.sameRequest && key.length > LONGEST_KEY)) return 'invalid'
  return {
    // Of a fixed length and form, whatever the caller sends.
    key: `${webhook.namespace}/${webhook.name}/${hash('sha256', once.sameRequest ? owned(key, call) : key, 'hex')}`,
    fingerprint: once.sameRequest ? fingerprintOf(call) : '',
    ttlMs: once.ttlMs,
    // A caller with a key of its own asks what became of that call; a provider that comes again wants it to
    // be run.
    retryFailed: !once.sameRequest,
  }
}

/** Empty when it is there more than once: two keys are none. */
function keyIn(req: IncomingMessage, name: string): string | undefined {
  const values = req.headersDistinct[name]
  if (values === undefined) return undefined
  return values.length === 1 ? (values[0] ?? '') : ''
}

/**
 * Keys that callers choose may coincide, so those of different callers are different keys: else one would get
 * the other's answer. No header holds the line break, nor does the name of a caller.
 */
function owned(key: string, call: RepeatableCall): string {
  const caller = callerOf(call)
  return caller === undefined ? key : `${caller}\n${key}`
}

/**
 * The same for a caller who comes again with a fresh token or a new password. Who shows another of the
 * webhook's bearer tokens may be another.
 */
function callerOf({ req, route, caller }: RepeatableCall): string | undefined {
  if (caller !== undefined) return caller
  const { authorization } = req.headers
  const isTheUser = route.credentials?.basic !== undefined && /^basic /i.test(authorization ?? '')
  return isTheUser ? 'basic' : authorization
}

function fingerprintOf({ req, target, body }: RepeatableCall): string {
  const line = `${req.method ?? ''} ${target.rest}?${target.query}\n`
  return createHash('sha256').update(line).update(body).digest('base64url')
}
