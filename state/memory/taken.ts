import type { Once, ReplyMessage, Verdict } from '../state.ts'
import { ExpiringMap } from '../expiring-map.ts'

/** The events that are to be taken once, and what they were answered. */
export interface Taken {
  /** What there is to say to a call with this key; undefined: it is the first. */
  verdictOf(once: Once): Verdict | undefined
  add(once: Once, eventId: string): void
  /**
   * The answer of the event; the first one stays. One that is to be tried again when it fails is forgotten
   * instead.
   */
  remember(key: string, message: ReplyMessage): void
}

interface Entry {
  eventId: string
  fingerprint: string
  retryFailed: boolean
  message: ReplyMessage | undefined
  expiresAt: number
}

export function createTaken(now: () => number): Taken {
  const entries = new ExpiringMap<Entry>(now)
  return {
    verdictOf({ key, fingerprint }) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.fingerprint !== fingerprint) return { kind: 'reused' }
      const { eventId, message } = entry
      return { kind: 'repeated', eventId, ...(message === undefined ? {} : { message }) }
    },
    add({ key, fingerprint, retryFailed, ttlMs }, eventId) {
      const expiresAt = now() + ttlMs
      entries.set(key, { eventId, fingerprint, retryFailed, message: undefined, expiresAt })
    },
    remember(key, message) {
      const entry = entries.get(key)
      if (entry === undefined || entry.message !== undefined) return
      if (message.kind === 'failed' && entry.retryFailed) entries.delete(key)
      else entry.message = message
    },
  }
}
