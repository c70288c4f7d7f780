/**
 * The compiled form of a Webhook: plain, versioned, fully defaulted data with every reference resolved. The operator writes it, the ingress
 * serves it and knows nothing of the resource behind it. Golden files in `test/operator/webhook/golden` show it.
 */

/** What the ingress does with a call before looking at anything else of it. */
export type RouteState =
  /** Serve. */
  | 'Active'
  /** `spec.suspend`: HTTP 200 `{ "success" : true }` without a run. */
  | 'Suspended'
  /** All workflows of the webhook are suspended: the paused reply, nothing stored. */
  | 'Paused'
  /** A Secret, ConfigMap or global it needs is missing or unusable: fail closed with 503. */
  | 'Unavailable'

export type Verification = { type: 'None' }

export interface Route {
  version: 1
  namespace: string
  name: string
  uid: string
  generation: number
  /** The secret part of the URL. */
  token: string
  type: 'HTTP' | 'WebSocket'
  path: 'Prefix' | 'Exact'
  state: RouteState
  /** Absent: no credentials asked for. Both present: either passes. */
  auth?: {
    /** Lower-case hex SHA-256 of `username:password`, UTF-8; the plain values stay out of the data plane. */
    basic?: string
    /** Lower-case hex SHA-256 of each accepted token. */
    bearer?: string[]
  }
  verification: Verification
  response: {
    mode: 'Immediate' | 'Reply' | 'Output'
    statusCode: number
    /** Names in lower case, static. Holds `content-type`. */
    headers: Record<string, string>
    /** The static answer's text, already serialised. */
    body: string
    timeoutMs: number
    timeoutStatusCode: number
  }
  /** `input: Merged`. */
  merged: boolean
  limits: {
    rate: { requests: number; windowMs: number; per: 'Webhook' | 'ClientIP' }
    connections: number
    payloadBytes: number
  }
}
