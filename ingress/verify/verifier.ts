/**
 * The contract of a verifier: one file for each provider or protocol, one row in `registry.ts`. A verifier
 * decides from the raw request whether the provider sent it, and answers the provider's handshakes. It never
 * sees a resource, and nothing of a key leaves it.
 */
import type { X509Certificate } from 'node:crypto'
import type { Verification } from '../route.ts'

/** A received call: raw, nothing decoded, the body whole and within the webhook's limit. */
export interface VerificationRequest {
  /** In upper case, as received. */
  method: string
  /** What follows the token, up to the query, as received; empty: the URL ends with the token. */
  rest: string
  /** Without its `?`, as received. */
  query: string
  /** Every value of a header, in the order received: empty when it is missing. `name` is in lower case. */
  header(name: string): readonly string[]
  /** Never decode it to hash it: two different bodies may decode to the same text. */
  body: Buffer
  /** Milliseconds since 1970. */
  now: number
  /**
   * The URL as the provider called it: the process's public base URL, path and query as received. With
   * `publicURL`, that stands for all up to and with the token. Undefined when neither is configured. Never
   * made of the Host header: who calls could choose it.
   */
  url(publicURL?: string): string | undefined
}

/** Why a call does not pass, for the log and nothing else: callers all get the same answer. */
export type Rejection =
  | 'HeaderMissing'
  | 'HeaderRepeated'
  | 'HeaderMalformed'
  | 'SignatureMismatch'
  | 'TimestampOutOfTolerance'
  | 'BodyMalformed'
  | 'BodyUnsigned'
  | 'MethodNotAllowed'
  | 'UnknownFormat'
  | 'NotAllowed'
  | 'CertificateInvalid'
  | 'TokenInvalid'
  | 'HandshakeRefused'

export type RejectStatus = 400 | 401 | 403 | 404 | 405 | 415

export type VerificationOutcome =
  /**
   * Go on: store the event and start the workflows. `caller` names who calls, where the protocol tells it:
   * the same with whatever token.
   */
  | { kind: 'pass'; caller?: string }
  /** Answered with 401, or the status that the provider expects; the body is the same for all. */
  | {
      kind: 'reject'
      reason: Rejection
      /** More of the reason, for the log as well: no secrets. */
      why?: string
      status?: RejectStatus
      headers?: readonly string[]
    }
  /** Answered at once; nothing is stored and nothing starts. */
  | {
      kind: 'handshake'
      status: number
      body: string
      /** `text/plain` when left out. Sent with `nosniff`, as every answer is. */
      contentType?: string
      /** More headers: names and values in turn. */
      headers?: readonly string[]
    }
  /**
   * It can't be decided now, for example because a certificate can't be fetched: 503, the provider tries
   * again. `why` goes to the log: no secrets.
   */
  | { kind: 'unavailable'; why: string }

/** The verification of one route, with its keys ready. */
export interface PreparedVerification {
  /** Stays synchronous where nothing must be fetched. Must not throw, whatever the request holds. */
  verify(request: VerificationRequest): VerificationOutcome | Promise<VerificationOutcome>
  /**
   * By what a repeated delivery is known: the provider's own id of it where that is signed, else all that is
   * signed; what is not signed only where nothing of a request is. Asked only of requests that passed, and
   * only when the webhook drops repeated ones. Undefined: it must carry an id, and does not.
   */
  deliveryId?(request: VerificationRequest): string | undefined
  /** Whether a request must show the webhook's own credentials, if it has any. Left out: every one must. */
  needsCredentials?(method: string): boolean
  /**
   * A query parameter that may carry the bearer token of a request without an Authorization header. Runs
   * don't see it. Left out: none may.
   */
  bearerParameter?: string
  /**
   * A header, in lower case, that is a secret itself and not made of one. Runs don't see it, and it is not
   * stored. Left out: there is none.
   */
  secretHeader?: string
  /**
   * Whether it may fetch something, or checks signatures of public keys, which costs as much as dozens of
   * calls: never done over the webhook's rate.
   */
  isCostly?: boolean
}

/**
 * A document that providers publish: their certificates, their keys. One constant for each kind; those of a
 * kind are kept together.
 */
export interface RemoteDocument<Value> {
  /** For the log. */
  name: string
  /** Who says where it is: the provider's protocol, or the webhook. */
  origin: 'provider' | 'webhook'
  /**
   * `expiresAt`, in milliseconds since 1970: when it is read again; at the latest after a day. `usableUntil`,
   * when that is later: until then it is used if it can't be read again.
   * @throws {InvalidDocument} on anything that must not be used.
   */
  parse(
    bytes: Buffer,
    context: { now: number; roots: () => readonly X509Certificate[] },
  ): { value: Value; expiresAt: number; usableUntil?: number }
}

/** The message says what is wrong and quotes nothing. */
export class InvalidDocument extends Error {
  override name = 'InvalidDocument'
}

export type Fetched<Value> =
  | { kind: 'found'; value: Value }
  /** The server says that it is not there, or it is not what it should be. */
  | { kind: 'invalid'; why: string }
  /** It could not be had now. */
  | { kind: 'unavailable'; why: string }

export interface ReadOptions {
  /** What was read before that is read again. */
  maxAgeMs?: number
  /** The namespace of the webhook, whose share of what is fetched at a time this takes. */
  tenant?: string
}

export interface VerifierDeps {
  /**
   * What is at the URL; at once where it is kept, and never rejects. Fetched by a guarded GET: https only, no
   * redirects, 3 seconds, 64 KB, no credentials. Which hosts and paths may be fetched is for the verifier to
   * check first.
   */
  read<Value>(
    document: RemoteDocument<Value>,
    url: URL,
    options?: ReadOptions,
  ): Fetched<Value> | Promise<Fetched<Value>>
}

/** For where nothing is fetched: checking keys, and processes without outbound traffic. */
export const NOTHING_FETCHED: VerifierDeps = {
  read: () => ({ kind: 'unavailable', why: 'this process fetches nothing' }),
}

/** What verifiers of one namespace's webhooks fetch with. */
export function depsOfTenant({ read }: VerifierDeps, tenant: string): VerifierDeps {
  return { read: (document, url, options) => read(document, url, { ...options, tenant }) }
}

export interface Verifier {
  /** Whether a call that passes with these settings proves who sent it. */
  proves(verification: Verification): boolean
  /**
   * Makes the keys ready, once for each route. No I/O. The operator calls it, too, to tell in a condition
   * what the data plane could not serve.
   * @throws {UnusableVerification} on a key that is not one.
   */
  prepare(verification: Verification, deps: VerifierDeps): PreparedVerification
}

/**
 * A key or setting with which nothing could ever pass, or anything could. The message holds nothing of the
 * key.
 */
export class UnusableVerification extends Error {
  override name = 'UnusableVerification'
  /** Under `spec.verification`. */
  readonly path: (string | number)[]

  /** `message` says what is wrong and what to do, as a part of a sentence: "is not a whsec_ secret: …". */
  constructor(path: (string | number)[], message: string) {
    super(message)
    this.path = path
  }
}

export const PASS: VerificationOutcome = { kind: 'pass' }

export const reject = (reason: Rejection, status?: RejectStatus): VerificationOutcome =>
  status === undefined ? { kind: 'reject', reason } : { kind: 'reject', reason, status }

/** Calls that pass always prove who sent them. */
export const always = (): boolean => true

/** The handshake works without a secret, but calls are checked only with one. */
export const withSecrets = ({ secrets }: Verification): boolean => secrets !== undefined

/** The only value of a header; a rejection when it is missing or there more than once. */
export function onlyHeader(
  request: VerificationRequest,
  name: string,
): string | Extract<VerificationOutcome, { kind: 'reject' }> {
  const values = request.header(name)
  const [value] = values
  if (value === undefined) return MISSING
  return values.length === 1 ? value : REPEATED
}

const MISSING = { kind: 'reject', reason: 'HeaderMissing' } as const
const REPEATED = { kind: 'reject', reason: 'HeaderRepeated' } as const
