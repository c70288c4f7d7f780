/**
 * Every answer that the data plane makes on its own, in one table. `docs/answers.md` repeats it for users; a
 * test holds the table, the page and the behaviour together. What a webhook or a run answers is not here.
 */

export interface Answer {
  status: number
  /** The JSON text of the body. */
  body: string
  /** Seconds for `Retry-After`, for answers that ask to come again; `exact`: as the single call needs it. */
  retryAfter?: number | 'exact'
}

function error(status: number, text: string, retryAfter?: Answer['retryAfter']): Answer {
  const body = JSON.stringify({ error: text })
  return retryAfter === undefined ? { status, body } : { status, body, retryAfter }
}

const PAUSED_TEXT = 'Flow status is `paused`. Unpause to run this flow using a webhook'

export const answers = {
  /** A browser's question whether a page may call; its headers say what the webhook's `cors` allows. */
  Preflight: { status: 204, body: '' },
  /** A delivery that is in work already: stored, so that the provider need not send it again. */
  Repeated: { status: 200, body: '{ "success" : true }' },
  Suspended: { status: 200, body: '{ "success" : true }' },
  Paused: {
    status: 200,
    body: JSON.stringify({ status: 200, error: 'biz_logic', message: PAUSED_TEXT, data: null }),
  },
  Malformed: error(400, 'Malformed request'),
  IdempotencyKeyInvalid: error(400, 'Idempotency key is missing or malformed'),
  HTTPRequired: error(400, 'This webhook accepts HTTP calls only, no WebSocket connections'),
  Unauthorized: error(401, 'Unauthorized'),
  /** Sent with the status that the provider expects, where it is another; this one is the default. */
  VerificationFailed: error(401, 'Verification failed'),
  OriginNotAllowed: error(403, 'Origin is not allowed'),
  NotFound: error(404, 'Not found'),
  RequestTimeout: error(408, 'Request not received in time'),
  StillRunning: error(409, 'The first call with this key is not answered yet', 1),
  PayloadTooLarge: error(413, 'Payload too large'),
  UrlTooLong: error(414, 'URL too long'),
  UnsupportedEncoding: error(415, 'Content-Encoding is not supported'),
  ExpectationFailed: error(417, 'Expectation is not supported'),
  IdempotencyKeyReused: error(422, 'Idempotency key was used with another request'),
  UpgradeRequired: error(426, 'This webhook accepts WebSocket connections only'),
  UnsupportedVersion: error(426, 'WebSocket version 13 is required'),
  Throttled: error(429, 'Over rate limit, request throttled', 'exact'),
  Crowded: error(429, 'Too many concurrent connections', 1),
  HeadersTooLarge: error(431, 'Request headers too large'),
  Internal: error(500, 'Internal error'),
  UnsupportedTransfer: error(501, 'Transfer-Encoding is not supported'),
  RunEnded: error(502, 'Workflow ended without a reply'),
  RunFailed: error(502, 'Workflow failed'),
  ReplyTooLarge: error(502, 'Workflow reply too large'),
  RouteUnavailable: error(503, 'Webhook is not available', 10),
  VerificationUnavailable: error(503, 'Verification is not possible now', 5),
  StateUnavailable: error(503, 'Service unavailable', 1),
  /** The caller had sent nothing for longest when the process had no more memory for unfinished bodies. */
  Overloaded: error(503, 'Too many unfinished requests', 5),
  Backlogged: error(503, 'Too many events are waiting', 5),
  ShuttingDown: error(503, 'Server is shutting down', 1),
  /** Sent with the webhook's `timeoutStatusCode`; this status is its default. */
  ReplyTimeout: error(504, 'Time out waiting for workflow reply'),
} as const satisfies Record<string, Answer>

export type AnswerCode = keyof typeof answers
