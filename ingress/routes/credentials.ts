import { hash, timingSafeEqual } from 'node:crypto'
import type { Route } from '../route.ts'

/** The credentials of a route, ready to compare with. */
export interface Credentials {
  /** SHA-256 of `username:password`. */
  basic: Buffer | undefined
  /** SHA-256 of each accepted token. */
  bearer: Buffer[]
  /** A `WWW-Authenticate` header for each scheme that is asked for, as names and values in turn. */
  challenges: string[]
}

const DIGEST_LENGTH = 32

function digest(hex: string): Buffer {
  const bytes = Buffer.from(hex, 'hex')
  if (bytes.length !== DIGEST_LENGTH || hex.length !== 2 * DIGEST_LENGTH) {
    throw new TypeError('a credential of a route must be a SHA-256 digest in hex')
  }
  return bytes
}

/** Undefined: no credentials asked for. Throws on what is not a SHA-256 digest. */
export function prepareCredentials(auth: Route['auth']): Credentials | undefined {
  if (auth === undefined) return undefined
  const challenges: string[] = []
  if (auth.basic !== undefined) challenges.push('WWW-Authenticate', 'Basic realm="hooklet", charset="UTF-8"')
  if (auth.bearer !== undefined) challenges.push('WWW-Authenticate', 'Bearer realm="hooklet"')
  return {
    basic: auth.basic === undefined ? undefined : digest(auth.basic),
    bearer: (auth.bearer ?? []).map(digest),
    challenges,
  }
}

// Scheme names in any case (RFC 9110, 11.1), one space, then what the scheme defines (RFC 7617, RFC 6750).
// Repeated Authorization headers arrive joined by a comma and match neither.
const BASIC_FORM = /^basic ([A-Za-z0-9+/]+={0,2})$/i
const BEARER_FORM = /^bearer ([\x21-\x2b\x2d-\x7e]+)$/i
const COLON = 0x3a

/**
 * Whether the `Authorization` header passes. Digests are compared in constant time and all of the tokens each
 * time, so that the duration tells nothing about them.
 */
export function credentialsPass(credentials: Credentials, authorization: string | undefined): boolean {
  if (authorization === undefined) return false
  const basic = BASIC_FORM.exec(authorization)?.[1]
  if (basic !== undefined) return credentials.basic !== undefined && basicPasses(credentials.basic, basic)
  const token = BEARER_FORM.exec(authorization)?.[1]
  return token !== undefined && bearerPasses(credentials.bearer, token)
}

/**
 * The username ends at the first colon (RFC 7617, 2) and can't hold one, so that the digest of the whole is
 * the digest of the pair.
 */
function basicPasses(expected: Buffer, encoded: string): boolean {
  const pair = Buffer.from(encoded, 'base64')
  return timingSafeEqual(hash('sha256', pair, 'buffer'), expected) && pair.includes(COLON)
}

function bearerPasses(expected: Buffer[], token: string): boolean {
  const given = hash('sha256', token, 'buffer')
  let passes = false
  for (const digest of expected) passes = timingSafeEqual(given, digest) || passes
  return passes
}
