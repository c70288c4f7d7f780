import type { CallEvent, Json } from '../../state/event.ts'
import { isWithinDepth } from '../expression/depth.ts'

/**
 * What a run sees of an event of a WebSocket as `.message`: `{}` of a connect; `{data, length}` of a message,
 * and `encoding` when it is binary and `data` is therefore a text in that encoding; `{reason, statusCode}` of
 * a disconnect.
 */
export function decodeMessage({
  type,
  socket,
  body,
}: Pick<CallEvent, 'type' | 'socket' | 'body'>): Record<string, Json> {
  if (type === 'connect') return {}
  if (type === 'disconnect') {
    const { reason, statusCode } = socket?.end ?? { reason: '', statusCode: 1006 }
    return { reason, statusCode }
  }
  const encoding = socket?.binary ?? 'utf8'
  const text = body.toString(encoding)
  return {
    data: encoding === 'utf8' ? (parseDocument(text) ?? text) : text,
    length: body.length,
    ...(socket?.binary === undefined ? {} : { encoding }),
  }
}

/**
 * An object or array; a text that happens to be JSON of another kind, such as `5` or `null`, stays what was
 * said.
 */
function parseDocument(text: string): Json | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    const value = JSON.parse(text) as Json
    return isWithinDepth(value) ? value : undefined
  } catch {
    return undefined
  }
}
