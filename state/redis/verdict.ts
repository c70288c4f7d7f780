import type { ReplyMessage, Verdict } from '../state.ts'
import { StateUnavailable } from '../state.ts'

/** What the script `admit` answers; `gone` only when it was given a connection. */
export function verdictOf(code: unknown): Verdict | { kind: 'gone' } {
  if (code === 0) return { kind: 'accepted' }
  if (code === -1) return { kind: 'crowded' }
  if (code === -2) return { kind: 'backlogged' }
  if (code === -4) return { kind: 'reused' }
  if (Array.isArray(code)) {
    const [eventId, json] = code as [string, string | null | undefined]
    const message = typeof json !== 'string' ? {} : { message: JSON.parse(json) as ReplyMessage }
    return { kind: 'repeated', eventId, ...message }
  }
  if (code instanceof Error) throw new StateUnavailable('Redis failed at a call', { cause: code })
  if (code === -3) return { kind: 'gone' }
  if (typeof code === 'number' && code > 0) return { kind: 'throttled', retryAfterMs: code }
  throw new StateUnavailable('Redis gave an answer of another version')
}
