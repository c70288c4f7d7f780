import type { Json } from '../../state/event.ts'
import type { SocketMessage } from '../../state/state.ts'
import { failure } from '../run/problem.ts'

/** As long as a message of a client may be by default, and as the body of a reply. */
const MAX_MESSAGE_BYTES = 256 * 1024
/** A control frame holds 125 bytes, two of them for the code (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123

/**
 * Reads the arguments of `reply` for a WebSocket: `{body, encoding, close}`. A text is sent as it is,
 * anything else but null as JSON; with `encoding` the body is a text in it, and the message binary. `status`
 * and `headers` are for HTTP, and let be here, so that one workflow can serve both.
 * @throws {WorkflowError} validation
 */
export function readSocketMessage(args: Record<string, Json>): SocketMessage {
  const data = readData(args['body'] ?? null, args['encoding'] ?? null)
  const close = readClose(args['close'] ?? null)
  if (!data && !close) throw failure('validation', 'a message to a WebSocket needs a body, or close')
  return { ...(data ? { data } : {}), ...(close ? { close } : {}) }
}

function readData(body: Json, encoding: Json): SocketMessage['data'] {
  if (body === null) return undefined
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  if (encoding === null) return within({ text }, Buffer.byteLength(text))
  const bytes = typeof body === 'string' ? decode(body, encoding) : undefined
  if (!bytes)
    throw failure('validation', 'the body is not a text in the encoding, which is utf8, base64 or hex')
  return within({ base64: bytes.toString('base64') }, bytes.length)
}

function within<T>(data: T, bytes: number): T {
  if (bytes <= MAX_MESSAGE_BYTES) return data
  throw failure('validation', `a message to a WebSocket has at most ${MAX_MESSAGE_BYTES / 1024} KB`)
}

/** Undefined: it is not in the encoding. Node leaves out what does not belong, silently. */
function decode(text: string, encoding: Json): Buffer | undefined {
  if (encoding === 'utf8') return Buffer.from(text)
  if (encoding === 'hex') return /^(?:[\da-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex') : undefined
  if (encoding !== 'base64') return undefined
  return /^[A-Za-z\d+/_-]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}

function readClose(close: Json): SocketMessage['close'] {
  if (close === null || close === false) return undefined
  if (close === true) return { code: 1000, reason: '' }
  if (typeof close !== 'object' || Array.isArray(close))
    throw failure('validation', 'close is neither true nor an object of code and reason')
  const code = close['code'] ?? 1000
  const reason = close['reason'] ?? ''
  if (typeof code !== 'number' || !isCloseCode(code))
    throw failure(
      'validation',
      'the code of close is 1000, 1001, 1003, 1007 to 1009, 1011 to 1014, or 3000 to 4999',
    )
  if (typeof reason !== 'string' || Buffer.byteLength(reason) > MAX_REASON_BYTES)
    throw failure('validation', `the reason of close is a text of at most ${MAX_REASON_BYTES} bytes`)
  return { code, reason }
}

/** Those that may be sent (RFC 6455, 7.4; 1012 to 1014 from IANA's registry). */
function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false
  if (code >= 3000) return code <= 4999
  return [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014].includes(code)
}
