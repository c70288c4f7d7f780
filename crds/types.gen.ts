// Generated from crds/webhook.yaml and crds/workflow.yaml by `npm run gen`. Do not edit.

import type { ObjectMeta } from './object.ts'

/** What the endpoint does. */
export interface WebhookSpec {
  /** The name that people see; metadata.name when it is left out. Changing it never changes the URL. */
  displayName?: string
  /** What the webhook is for, in your words. Default: `""`. */
  description: string
  /**
   * True stops it without deleting it: an HTTP call gets 200 { "success" : true } and starts nothing; a
   * WebSocket is refused with 404. Default: `false`.
   */
  suspend: boolean
  /**
   * HTTP starts the Workflows once for each request. WebSocket starts them when a client connects, for each
   * message and when it disconnects. Can't be changed later. Default: `"HTTP"`.
   */
  type: 'HTTP' | 'WebSocket'
  /**
   * Which paths after the token belong to the webhook. Prefix takes any, and the Workflow sees it as .path;
   * with Exact every longer path is 404. Default: `"Prefix"`.
   */
  path: 'Prefix' | 'Exact'
  /**
   * Pins the secret part of the URL, for example to keep the URL over a restore. The Secret's value must have
   * 22 to 128 characters of A-Z, a-z, 0-9, - and _. When left out, a random token is made once and kept in
   * the Secret NAME-webhook-url beside the Webhook.
   */
  tokenFrom?: WebhookTokenFrom
  /**
   * How to tell that a call really comes from the provider. A call that fails is refused and starts nothing.
   * A Secret that is missing closes the webhook (503); it never turns verification off.
   */
  verification: WebhookVerification
  /**
   * Credentials that every call must show, the recommended protection of a webhook without verification. When
   * basic and bearer are both set, either passes.
   */
  auth?: WebhookAuth
  /** What the caller gets. */
  response: WebhookResponse
  /**
   * Lets a caller repeat a call without a second run: one that comes with the key of an earlier call is
   * answered like that one. As long as that one has no answer it is 409; a key that comes with another
   * method, path, query or body is 422.
   */
  idempotency?: WebhookIdempotency
  /**
   * Lets pages of other origins call the webhook from a browser. Their preflight requests are answered at
   * once and start nothing. This protects nothing by itself: only browsers ask.
   */
  cors?: WebhookCors
  /**
   * How a Workflow sees query and body. Separate keeps .query and .body apart. Merged puts the query
   * parameters and the members of a JSON object body into one dictionary in .body, where the body wins a
   * clash. Default: `"Separate"`.
   */
  input: 'Separate' | 'Merged'
  /** What is special about a WebSocket. Only with type WebSocket. */
  webSocket?: WebhookWebSocket
  /** What a caller may use up. Over a limit a call is refused and starts nothing. */
  limits: WebhookLimits
}

/**
 * Pins the secret part of the URL, for example to keep the URL over a restore. The Secret's value must have
 * 22 to 128 characters of A-Z, a-z, 0-9, - and _. When left out, a random token is made once and kept in the
 * Secret NAME-webhook-url beside the Webhook.
 */
export interface WebhookTokenFrom {
  /** The Secret, in the Webhook's namespace, and its key. */
  secretKeyRef: KeyRef
}

/** A key of a Secret or ConfigMap of the namespace. */
export interface KeyRef {
  /** Its name. */
  name: string
  /** The key in its data. */
  key: string
}

/**
 * How to tell that a call really comes from the provider. A call that fails is refused and starts nothing. A
 * Secret that is missing closes the webhook (503); it never turns verification off.
 */
export interface WebhookVerification {
  /**
   * Whose protocol to check. None checks nothing. HMAC is the generic one for any sender that signs with a
   * shared secret, JWT the one for signed bearer tokens; the others know their provider's headers, signatures
   * and handshakes. Default: `"None"`.
   */
  type: 'None' | 'Alexa' | 'Facebook' | 'Fitbit' | 'Twilio' | 'GitHub' | 'GitLab' | 'Stripe' | 'Slack' | 'Shopify' | 'Square' | 'StandardWebhooks' | 'PagerDuty' | 'Zoom' | 'X' | 'MicrosoftGraph' | 'SNS' | 'Dropbox' | 'Discord' | 'CloudEvents' | 'HMAC' | 'JWT'
  /**
   * The code with which the provider proves the endpoint is yours: Meta's verify token (Facebook) or the
   * verification code of the subscription (Fitbit).
   */
  code?: ValueSource
  /**
   * The signing secrets. A signature made with any one of them passes, so that a secret can be rotated
   * without a gap. Facebook takes the app secret, Fitbit the client secret, Twilio the auth token (all three
   * may be left out: then only the handshake is checked), GitLab the secret token, MicrosoftGraph the
   * clientState, Discord the application's public key, StandardWebhooks whsec_ secrets or whpk_ public keys.
   */
  secrets?: ValueSource[]
  /**
   * How far the time in a signed request may be from now, before or after. Used wherever the provider signs a
   * time; Alexa's 150 seconds are fixed. From 1s to 1h. Default: `"5m"`.
   */
  tolerance: string
  /**
   * Drops a call that comes again, after it was verified: the sender is answered like the first time and no
   * Workflow starts. Left out, repeated calls run again.
   */
  replay?: WebhookVerificationReplay
  /**
   * The generic HMAC verification, for type HMAC. It computes HMAC(secret, template) and compares it with the
   * header.
   */
  hmac?: WebhookVerificationHmac
  /**
   * The bearer token check, for type JWT: a signed token in the Authorization header that must not be expired
   * (exp is required) and must name this issuer and one of these audiences.
   */
  jwt?: WebhookVerificationJwt
  /** Amazon SNS, for type SNS: which topics may deliver. */
  sns?: WebhookVerificationSns
  /** Amazon Alexa, for type Alexa. */
  alexa?: WebhookVerificationAlexa
  /** GitLab, for type GitLab. */
  gitlab?: WebhookVerificationGitlab
  /** Twilio, for type Twilio. */
  twilio?: WebhookVerificationTwilio
  /** Square, for type Square. */
  square?: WebhookVerificationSquare
  /**
   * CloudEvents over HTTP with the abuse protection of its web hook specification, for type CloudEvents. Who
   * may deliver is decided by auth.bearer.
   */
  cloudEvents?: WebhookVerificationCloudEvents
}

/** A value that may be a secret: given directly, or read from a Secret or ConfigMap. */
export interface ValueSource {
  /**
   * The value itself, or with an expression in ${ } that reads globals, for example ${ $globals.password }.
   * Keep secrets out of it: use valueFrom for them.
   */
  value?: string
  /** Where to read the value instead. */
  valueFrom?: ValueFrom
}

/** Where to read a value. */
export interface ValueFrom {
  /** A key of a Secret in the same namespace. */
  secretKeyRef?: KeyRef
  /** A key of a ConfigMap in the same namespace. */
  configMapKeyRef?: KeyRef
}

/**
 * Drops a call that comes again, after it was verified: the sender is answered like the first time and no
 * Workflow starts. Left out, repeated calls run again.
 */
export interface WebhookVerificationReplay {
  /**
   * What tells that two calls are the same. Provider is the provider's own id of the event where it is signed
   * (webhook-id, the event id of Stripe and Slack, SNS MessageId and so on), else all that is signed, so that
   * nobody who recorded a call can change it. Header is the value of the header named in header: it tells a
   * retry, but whoever recorded a call can change what is not signed. A call that lacks the id is refused
   * with 400. Default: `"Provider"`.
   */
  key: 'Provider' | 'Header'
  /** The header that carries the id, with key Header. */
  header?: string
  /**
   * How long an id is remembered, from 1m to 168h. Where a time is signed, longer than a call can be fresh.
   * Default: `"24h"`.
   */
  ttl: string
}

/**
 * The generic HMAC verification, for type HMAC. It computes HMAC(secret, template) and compares it with the
 * header.
 */
export interface WebhookVerificationHmac {
  /** The header that carries the signature, for example X-Signature-256. */
  header: string
  /** The hash function of the HMAC. Default: `"SHA256"`. */
  algorithm: 'SHA1' | 'SHA256' | 'SHA384' | 'SHA512'
  /** How the signature is written in the header. Default: `"Hex"`. */
  encoding: 'Hex' | 'Base64' | 'Base64URL'
  /** What stands before the signature in the header, for example sha256= or v0=. Default: `""`. */
  prefix: string
  /**
   * What separates several signatures in one header; any one that matches passes. Left out, the header holds
   * exactly one.
   */
  separator?: ',' | ' ' | ';'
  /**
   * What is signed: text with {body} (the raw bytes), {timestamp} and {id} (the headers' text as received)
   * and {url} (the public URL with its query), for example v0:{timestamp}:{body}. Default: `"{body}"`.
   */
  template: string
  /** The header that carries the time of signing; it must be within tolerance. */
  timestampHeader?: string
  /** How the time is written. Default: `"UnixSeconds"`. */
  timestampFormat: 'UnixSeconds' | 'UnixMilliseconds' | 'RFC3339'
  /** The header that carries the event's id, for {id} in the template and for replay. */
  idHeader?: string
  /**
   * How the secret's text becomes the key. Text takes its UTF-8 bytes; Hex and Base64 decode it. Default:
   * `"Text"`.
   */
  keyEncoding: 'Text' | 'Hex' | 'Base64'
  /**
   * The webhook's URL as the provider knows it, because it is part of what is signed; what follows it in the
   * path, and the query, are taken from the call. Left out, it is made of the server's public URL; needed
   * when a proxy rewrites the path.
   */
  publicURL?: string
}

/**
 * The bearer token check, for type JWT: a signed token in the Authorization header that must not be expired
 * (exp is required) and must name this issuer and one of these audiences.
 */
export interface WebhookVerificationJwt {
  /** The iss claim that the token must have, for example https://accounts.google.com. */
  issuer: string
  /** The aud claim of the token must hold one of these. */
  audiences: string[]
  /**
   * The signature algorithms to accept. Left out: all that fit the kind of key, HS* for verification.secrets,
   * RS*, PS*, ES* and EdDSA for public keys.
   */
  algorithms?: ('HS256' | 'HS384' | 'HS512' | 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA')[]
  /** Public keys in PEM; a token signed with any one of them passes. */
  publicKeys?: ValueSource[]
  /** Where the issuer publishes its keys (a JSON Web Key Set). Fetched over https and cached. */
  jwksURL?: string
  /**
   * Further claims that the token must have with exactly these texts, for example the email of the service
   * account that pushes.
   */
  claims?: Record<string, string>
  /**
   * How far the sender's clock may be off when exp and nbf are checked, from 0s to 5m. Default: `"30s"`.
   */
  clockSkew: string
}

/** Amazon SNS, for type SNS: which topics may deliver. */
export interface WebhookVerificationSns {
  /**
   * The topics to accept. Anyone can sign messages with a topic of his own, so this list is what protects the
   * webhook.
   */
  topicARNs: string[]
  /**
   * Whether to confirm a topic's subscription by itself when the signed confirmation arrives. With false,
   * calls that ask for confirmation are accepted and nothing is visited. Default: `true`.
   */
  confirm: boolean
}

/** Amazon Alexa, for type Alexa. */
export interface WebhookVerificationAlexa {
  /** The skills that may call, by application id. Left out, every skill that Amazon signs for may call. */
  applicationIDs?: string[]
}

/** GitLab, for type GitLab. */
export interface WebhookVerificationGitlab {
  /**
   * Token compares the secret token of X-Gitlab-Token, which proves the sender and not the body. Signature
   * checks the signed headers of the Standard Webhooks form, with a whsec_ secret. Default: `"Token"`.
   */
  mode: 'Token' | 'Signature'
}

/** Twilio, for type Twilio. */
export interface WebhookVerificationTwilio {
  /**
   * The webhook's URL as the provider knows it, because it is part of what is signed; what follows it in the
   * path, and the query, are taken from the call. Left out, it is made of the server's public URL; needed
   * when a proxy rewrites the path.
   */
  publicURL?: string
}

/** Square, for type Square. */
export interface WebhookVerificationSquare {
  /**
   * The webhook's URL as the provider knows it, because it is part of what is signed; what follows it in the
   * path, and the query, are taken from the call. Left out, it is made of the server's public URL; needed
   * when a proxy rewrites the path.
   */
  publicURL?: string
}

/**
 * CloudEvents over HTTP with the abuse protection of its web hook specification, for type CloudEvents. Who
 * may deliver is decided by auth.bearer.
 */
export interface WebhookVerificationCloudEvents {
  /** The origins that get the permission to deliver, or * for any. */
  allowedOrigins: string[]
  /**
   * How many deliveries a minute are granted to a sender that asks for a rate. Left out, what limits.rate
   * allows.
   */
  allowedRate?: number
  /**
   * Whether the bearer token may also come as the query parameter access_token. Such URLs end up in logs:
   * leave it false unless the sender can't do otherwise. Default: `false`.
   */
  accessTokenInQuery: boolean
}

/**
 * Credentials that every call must show, the recommended protection of a webhook without verification. When
 * basic and bearer are both set, either passes.
 */
export interface WebhookAuth {
  /**
   * HTTP Basic authentication. When one of the two is left out it must be the empty string; when both are
   * left out or blank, no credentials are asked for.
   */
  basic?: WebhookAuthBasic
  /** A token in the header "Authorization: Bearer TOKEN". */
  bearer?: WebhookAuthBearer
}

/**
 * HTTP Basic authentication. When one of the two is left out it must be the empty string; when both are left
 * out or blank, no credentials are asked for.
 */
export interface WebhookAuthBasic {
  /** The username, without a colon. */
  username?: ValueSource
  /** The password. */
  password?: ValueSource
}

/** A token in the header "Authorization: Bearer TOKEN". */
export interface WebhookAuthBearer {
  /** The accepted tokens; any one passes, so that a token can be rotated without a gap. */
  tokens: ValueSource[]
}

/** What the caller gets. */
export interface WebhookResponse {
  /**
   * Immediate answers as soon as the call is stored, with statusCode, headers and body. Reply waits for the
   * first call reply of a Workflow. Output waits for the Workflow to end and answers with its output.
   * Default: `"Immediate"`.
   */
  mode: 'Immediate' | 'Reply' | 'Output'
  /**
   * The status of the answer in the modes Immediate and Output, from 100 to 599. Left out: 200, and 204 with
   * verification Fitbit.
   */
  statusCode?: number
  /**
   * Headers of the answer in the modes Immediate and Output, by name. Connection, length and security headers
   * are set by the server and can't be given here. Content-Type may be application/json, application/xml,
   * text/plain, text/xml or text/csv; any other is sent as application/json, because all webhooks share one
   * origin. Left out, a text is text/plain and anything else application/json.
   */
  headers: Record<string, string>
  /**
   * The body of the answer in mode Immediate: any JSON, or a text that is sent as it is. Left out: {
   * "success" : true }, and an empty TwiML document with verification Twilio.
   */
  body?: unknown
  /**
   * How long a caller waits for the Workflow in the modes Reply and Output, from 1s to 60s. Default: `"60s"`.
   */
  timeout: string
  /**
   * The status when the Workflow did not answer in time, from 400 to 599; the body is { "error": "Time out
   * waiting for workflow reply" }. Use 408 for callers that expect it. Default: `504`.
   */
  timeoutStatusCode: number
}

/**
 * Lets a caller repeat a call without a second run: one that comes with the key of an earlier call is
 * answered like that one. As long as that one has no answer it is 409; a key that comes with another method,
 * path, query or body is 422.
 */
export interface WebhookIdempotency {
  /** The header that carries the key, of 1 to 255 characters. Default: `"Idempotency-Key"`. */
  header: string
  /**
   * Whether a call without a key is refused with 400. Otherwise it runs like any other. Default: `false`.
   */
  required: boolean
  /** How long a key and its answer are remembered, from 1m to 168h. Default: `"24h"`. */
  ttl: string
}

/**
 * Lets pages of other origins call the webhook from a browser. Their preflight requests are answered at once
 * and start nothing. This protects nothing by itself: only browsers ask.
 */
export interface WebhookCors {
  /** The origins whose pages may call, for example https://app.example.com; * is any. */
  origins: string[]
  /** The methods that they may use. */
  methods: string[]
  /**
   * The request headers that they may set, besides those that every page may; * is any that a page asks for.
   */
  headers: string[]
}

/** What is special about a WebSocket. Only with type WebSocket. */
export interface WebhookWebSocket {
  /**
   * The pages that may connect from a browser, each as scheme, host and port, for example
   * https://app.example.com; others get 403. Callers that are no browsers send no Origin, and are not held by
   * it. When left out, every page may.
   */
  allowedOrigins?: string[]
  /**
   * The subprotocols that are spoken, the preferred one first; the first that a client offers, too, is
   * chosen. When there is none, or the list is left out, the connection has none.
   */
  subprotocols?: string[]
  /**
   * How a Workflow sees the bytes of a binary message in .message.data: Base64 or Hex, or UTF8 when they are
   * text, which is decoded as the text messages are. Default: `"Base64"`.
   */
  encoding: 'Base64' | 'Hex' | 'UTF8'
}

/** What a caller may use up. Over a limit a call is refused and starts nothing. */
export interface WebhookLimits {
  /**
   * At most this many calls in any window of time; over it 429 with Retry-After. Connecting and each message
   * of a WebSocket count as calls, and over it the connection is closed.
   */
  rate: WebhookLimitsRate
  /**
   * How many WebSockets and waiting HTTP calls (modes Reply and Output) may be open at once, from 1 to 10000;
   * over it 429. Default: `100`.
   */
  connections: number
  /**
   * The largest body or WebSocket message: bytes, or with Ki or Mi, at most 4Mi. Over it an HTTP call gets
   * 413 and a WebSocket is closed with 1008. Default: `"256Ki"`.
   */
  payload: string
}

/**
 * At most this many calls in any window of time; over it 429 with Retry-After. Connecting and each message of
 * a WebSocket count as calls, and over it the connection is closed.
 */
export interface WebhookLimitsRate {
  /** How many calls a window takes, from 1 to 10000. Default: `100`. */
  requests: number
  /**
   * How long the window is, from 1s to 1h. It slides; it does not start anew at fixed times. Default:
   * `"10s"`.
   */
  window: string
  /**
   * Who shares a window. Webhook: all callers of this webhook. ClientIP: each client address has its own,
   * across all webhooks of the namespace with the same setting. Default: `"Webhook"`.
   */
  per: 'Webhook' | 'ClientIP'
}

/** What the operator found; never written by hand. */
export interface WebhookStatus {
  /** The URL to give to callers. It never changes, and it is a secret unless the webhook is protected. */
  url?: string
  /** The names of the Workflows whose triggers name this Webhook. */
  workflows?: string[]
  /** The generation of the spec that this status speaks of. */
  observedGeneration?: number
  /** What is true of it, one entry a type. Ready says whether it works and, if not, what to do. */
  conditions?: Condition[]
}

/** What is true of a resource, as in all of Kubernetes. */
export interface Condition {
  /** What the condition speaks of, for example Ready. */
  type: string
  /** Whether it is so. */
  status: 'True' | 'False' | 'Unknown'
  /** The generation of the spec that the condition speaks of. */
  observedGeneration?: number
  /** When status last changed. */
  lastTransitionTime: string
  /** Why, in one word for programs. */
  reason: string
  /** Why and what to do, in a sentence for people. */
  message: string
}

/**
 * An HTTP or WebSocket endpoint with a URL of its own, that starts Workflows. Everything is optional: a
 * Webhook with nothing but a name accepts every call to its URL, answers 200 at once and starts the Workflows
 * whose triggers name it.
 */
export interface Webhook {
  apiVersion: 'hooklet.dev/v1alpha1'
  kind: 'Webhook'
  metadata: ObjectMeta
  spec: WebhookSpec
  status?: WebhookStatus
}

/** When to run, and what. */
export interface WorkflowSpec {
  /** What starts the Workflow. A call that matches starts it once. */
  triggers: WorkflowTrigger[]
  /**
   * True stops it: no call starts it. When all Workflows of a Webhook are suspended, callers are told that it
   * is paused and nothing is stored. Default: `false`.
   */
  suspend: boolean
  /**
   * The ServiceAccount, in the Workflow's namespace, in whose name Kubernetes functions act. Without one they
   * are refused.
   */
  serviceAccountName?: string
  /** What the first task gets; the call as it is when left out. */
  input?: WorkflowInput
  /** What the Workflow gives when it ends; the last task's output when left out. */
  output?: WorkflowOutput
  /** What tasks refer to by name. */
  use?: WorkflowUse
  /**
   * How long a run may take: {after: {minutes: 5}}, {after: PT5M} or the name of one in use.timeouts. Over it
   * the run fails with a timeout error.
   */
  timeout?: unknown
  /** Runs at set times. Not run yet; a Workflow that has it says Supported=False. */
  schedule?: Record<string, unknown>
  /** How expressions are read. */
  evaluate?: WorkflowEvaluate
  /**
   * The tasks, one after the other; each is a map of one name to one task. A task has exactly one of call,
   * do, for, raise, set, switch, try and wait (emit, fork, listen and run are not run yet), and any of if,
   * input, output, export, timeout, then and metadata.
   */
  do: Record<string, WorkflowTask>[]
}

/** One trigger. */
export interface WorkflowTrigger {
  /** The name of a Webhook in the same namespace. */
  webhook: string
  /**
   * An expression over the call that must be true, for example ${ .method == "post" }. Left out, every call
   * starts it.
   */
  when?: string
}

/** What the first task gets; the call as it is when left out. */
export interface WorkflowInput {
  /** A JSON Schema that the call must fit; a run whose call does not fit fails with a validation error. */
  schema?: SchemaSource
  /** An expression, or an object with expressions, that gives the first task's input. */
  from?: unknown
}

/** A JSON Schema that data must fit. */
export interface SchemaSource {
  /** The schema's format. Only json can be used. Default: `"json"`. */
  format: string
  /** The JSON Schema itself. */
  document?: unknown
  /** A schema to fetch. Not run yet; a Workflow that has it says Supported=False. */
  resource?: Record<string, unknown>
}

/** What the Workflow gives when it ends; the last task's output when left out. */
export interface WorkflowOutput {
  /** An expression, or an object with expressions, that gives the output. */
  as?: unknown
  /** A JSON Schema that the output must fit. */
  schema?: SchemaSource
}

/** What tasks refer to by name. */
export interface WorkflowUse {
  /**
   * Names of Secrets of the namespace. Their keys are at $secrets.NAME.KEY; a value that is valid JSON is its
   * JSON. Never stored with a run and never logged.
   */
  secrets?: string[]
  /**
   * Credentials for HTTP calls by name: {basic: {username, password}}, {bearer: {token}}, or {use: NAME of a
   * secret} inside one.
   */
  authentications?: Record<string, Record<string, unknown>>
  /** Errors that raise refers to by name: {type, status, title, detail}. */
  errors?: Record<string, Record<string, unknown>>
  /** Retry policies that catch refers to by name: {when, exceptWhen, delay, backoff, limit, jitter}. */
  retries?: Record<string, Record<string, unknown>>
  /** Timeouts that tasks refer to by name: {after: {seconds: 5}}. */
  timeouts?: Record<string, Record<string, unknown>>
  /**
   * Tasks that call tasks call by name: {call: http, with: …}. The with of the call is the input of the
   * function.
   */
  functions?: Record<string, Record<string, unknown>>
  /** Tasks around other tasks. Not run yet; a Workflow that has them says Supported=False. */
  extensions?: Record<string, unknown>[]
  /** Catalogs of functions. Not run yet; a Workflow that has them says Supported=False. */
  catalogs?: Record<string, Record<string, unknown>>
}

/** How expressions are read. */
export interface WorkflowEvaluate {
  /** The expression language. Only jq can be run. Default: `"jq"`. */
  language: string
  /** Strict wants ${ } around expressions in values. Only strict can be run. Default: `"strict"`. */
  mode: 'strict' | 'loose'
}

/** The task. */
export interface WorkflowTask {
  /** An expression; the task is skipped unless it is true. */
  if?: string
  /** What the task gets instead of the output of the one before: {from, schema}. */
  input?: Record<string, unknown>
  /** What the task gives instead of its result: {as, schema}. */
  output?: Record<string, unknown>
  /** Replaces $context: {as, schema}. Write ${ $context + {…} } to add to it. */
  export?: Record<string, unknown>
  /** How long the task may take: {after: {seconds: 5}} or the name of one in use.timeouts. */
  timeout?: unknown
  /**
   * Where to go on: continue (the next task), exit (leave this list), end (the run), or the name of a task of
   * the same list.
   */
  then?: string
  /** Anything you want to note; never read. */
  metadata?: Record<string, unknown>
  /**
   * What to call: http, reply (answers the caller or sends to the WebSocket), or a name of use.functions.
   */
  call?: string
  /**
   * The arguments of call. http takes method, endpoint, headers, query, body, output and redirect; reply
   * takes status, headers, body and replyId, and to a WebSocket body, encoding, close and replyId.
   */
  with?: Record<string, unknown>
  /** The task's output: an object with expressions, or one expression. */
  set?: unknown
  /**
   * Cases in order, each a name with {when, then}; the first whose when is true, or that has none, decides.
   */
  switch?: Record<string, unknown>[]
  /** The tasks of a group, of a loop, one after the other. */
  do?: Record<string, unknown>[]
  /** Tasks whose errors catch handles. */
  try?: Record<string, unknown>[]
  /** Which errors to catch, and what then: {errors: {with}, as, when, exceptWhen, retry, do}. */
  catch?: Record<string, unknown>
  /** A loop over a list: {each: item, in: an expression, at: index}; its tasks are in do. */
  for?: Record<string, unknown>
  /** An expression; the loop ends when it is not true. */
  while?: string
  /** Fails with an error: {error: {type, status, title, detail}} or the name of one in use.errors. */
  raise?: Record<string, unknown>
  /** Pauses the run: {seconds: 30}, PT30S or an expression that gives one of these. */
  wait?: unknown
  /** Sends a CloudEvent. Not run yet; a Workflow that has it says Supported=False. */
  emit?: Record<string, unknown>
  /** Runs branches side by side. Not run yet; a Workflow that has it says Supported=False. */
  fork?: Record<string, unknown>
  /** Waits for events. Not run yet; a Workflow that has it says Supported=False. */
  listen?: Record<string, unknown>
  /** What listen does with each event. Not run yet; a Workflow that has it says Supported=False. */
  foreach?: Record<string, unknown>
  /**
   * Runs a container, script, shell or workflow. Not run yet; a Workflow that has it says Supported=False.
   */
  run?: Record<string, unknown>
  [key: string]: unknown
}

/** What the operator found; never written by hand. */
export interface WorkflowStatus {
  /** The names of the Webhooks that start it and exist. */
  webhooks?: string[]
  /** The generation of the spec that this status speaks of. */
  observedGeneration?: number
  /** What is true of it, one entry a type. Ready says whether it works and, if not, what to do. */
  conditions?: Condition[]
}

/**
 * What happens with the calls of a Webhook: tasks of the Open Workflow Specification DSL 1.0, with triggers
 * in front. Expressions are jq in ${ }. A task's input is the output of the one before; the call itself stays
 * at $workflow.input as {id, time, type, webhook, method, path, query, headers, body, clientIP, replyId}.
 */
export interface Workflow {
  apiVersion: 'hooklet.dev/v1alpha1'
  kind: 'Workflow'
  metadata: ObjectMeta
  spec: WorkflowSpec
  status?: WorkflowStatus
}
