/**
 * The compiled form of a Webhook: plain, versioned, fully defaulted data with every reference resolved. The
 * operator writes it, the ingress serves it and knows nothing of the resource behind it. Golden files in
 * `test/operator/webhook/golden` show it.
 */

import type { WorkflowRef } from '../state/event.ts'

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

/**
 * How a call proves that it comes from the provider. The members that there are depend on the type;
 * `ingress/verify/registry.ts` knows the types. All of it is key material.
 */
export interface Verification {
  /** `None` checks nothing. */
  type: string
  /** The code of a handshake (Facebook, Fitbit). */
  code?: string
  /**
   * Signing secrets as text; any one may match. Never empty: where the type needs one and it is missing, the
   * route is Unavailable.
   */
  secrets?: string[]
  /** How far a signed time may be from now, either way. */
  toleranceMs?: number
  hmac?: HmacSettings
  jwt?: {
    issuer: string
    audiences: string[]
    algorithms?: string[]
    /** In PEM. */
    publicKeys?: string[]
    jwksURL?: string
    claims?: Record<string, string>
    clockSkewMs: number
  }
  sns?: { topicARNs: string[]; confirm: boolean }
  alexa?: { applicationIDs?: string[] }
  gitlab?: { mode: 'Token' | 'Signature' }
  twilio?: { publicURL?: string }
  square?: { publicURL?: string }
  /** `allowedRate` in deliveries a minute. */
  cloudEvents?: { allowedOrigins: string[]; allowedRate: number; accessTokenInQuery: boolean }
}

/** Which bytes are signed, how, and where the signature stands. Header names in any case. */
export interface HmacSettings {
  header: string
  algorithm: 'SHA1' | 'SHA256' | 'SHA384' | 'SHA512'
  encoding: 'Hex' | 'Base64' | 'Base64URL'
  /** What stands before each signature. */
  prefix: string
  /** Between several signatures; absent: there is exactly one. */
  separator?: ',' | ' ' | ';'
  /** With {body}, {timestamp}, {id} and {url}. */
  template: string
  timestampHeader?: string
  timestampFormat: 'UnixSeconds' | 'UnixMilliseconds' | 'RFC3339'
  idHeader?: string
  keyEncoding: 'Text' | 'Hex' | 'Base64'
  publicURL?: string
}

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
  /**
   * The Workflows that its calls start, in the order of their names; each event names them. Their plans were
   * published before the route. Those that are suspended start nothing and are left out. Absent in routes of
   * a former version of the operator.
   */
  workflows?: WorkflowRef[]
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
  /** Only of type WebSocket. */
  webSocket?: {
    /** Empty: every page may connect. */
    allowedOrigins: string[]
    /** The preferred one first. */
    subprotocols: string[]
    /** As what runs see the bytes of binary messages. */
    encoding: 'utf8' | 'base64' | 'hex'
  }
  /** Absent: a call that comes again is another call. */
  once?: {
    /** What tells that a call comes again: what the verification calls the delivery, or a header. */
    by: 'Delivery' | 'Header'
    /** In lower case; with `by: Header`. */
    header?: string
    /** Calls without an id are refused. */
    required: boolean
    /** A key that comes with another request is refused. */
    sameRequest: boolean
    ttlMs: number
  }
  /** Absent: browsers let no page of another origin call. */
  cors?: {
    /** `https://app.example.com`, or `*`. */
    origins: string[]
    /** In upper case. */
    methods: string[]
    /** Header names, or `*`. */
    headers: string[]
  }
  /** `input: Merged`. */
  merged: boolean
  limits: {
    rate: { requests: number; windowMs: number; per: 'Webhook' | 'ClientIP' }
    connections: number
    payloadBytes: number
  }
}
