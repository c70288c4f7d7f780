/**
 * Every end of a connection that the platform decides on, in one table: the close code (RFC 6455, 7.4; 1012
 * and 1013 of IANA's registry) and the reason that the client reads. `docs/websocket.md` repeats it for
 * users, and a test holds the two together.
 */
export interface End {
  code: number
  /** At most 123 bytes; nothing of the call. */
  reason: string
}

export const ends = {
  /** The webhook was deleted or suspended, or has another URL now. */
  WebhookGone: { code: 1001, reason: 'Webhook is gone' },
  /** The same code as for what is over another limit. */
  MessageTooLarge: { code: 1008, reason: 'Message too large' },
  /** More fragments, or more pieces of a frame, than a sender that means well makes of a message. */
  MessageTooScattered: { code: 1008, reason: 'Message in too many pieces' },
  Throttled: { code: 1008, reason: 'Over rate limit' },
  /** The process stops, in waves. */
  Restarting: { code: 1012, reason: 'Server is restarting' },
  /** The webhook belongs to another partition of the shared state since its limits were changed. */
  Moved: { code: 1012, reason: 'Webhook has changed' },
  /** The shared state took the process for dead and has recorded the end already. */
  Lapsed: { code: 1012, reason: 'Connection was given up' },
  /** More waits for the client than is kept for one. */
  SlowReader: { code: 1013, reason: 'Messages are not read fast enough' },
  /**
   * The process had no more memory for what connections have sent or left unread, and this one had moved
   * least recently.
   */
  Overloaded: { code: 1013, reason: 'Too many unfinished messages' },
  /** Fail closed: what the webhook needs is missing, or all of its workflows are suspended. */
  WebhookUnavailable: { code: 1013, reason: 'Webhook is not available' },
  /** A message could not be stored. */
  StateUnavailable: { code: 1013, reason: 'Service unavailable' },
  Backlogged: { code: 1013, reason: 'Too many events are waiting' },
  Internal: { code: 1011, reason: 'Internal error' },
} as const satisfies Record<string, End>

export type EndCode = keyof typeof ends

/** Why a connection is over: an end of the table, a run closed it, its client did, or it broke. */
export type EndReason = EndCode | 'Workflow' | 'Client' | 'Lost'

export const END_REASONS: readonly EndReason[] = [
  ...(Object.keys(ends) as EndCode[]),
  'Workflow',
  'Client',
  'Lost',
]
