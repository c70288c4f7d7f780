import { errors, jwtVerify } from 'jose'
import type { JWTPayload, JWTVerifyOptions, LocalJWKSet } from 'jose'
import type { Verification } from '../route.ts'
import { keySet, keySetAlgorithms, publicKeys, sharedKeys } from './jwt-keys.ts'
import type { JwtKey } from './jwt-keys.ts'
import { parseOutboundUrl } from './outbound/url.ts'
import type { VerificationOutcome, VerifierDeps, Verifier } from './verifier.ts'
import { always, onlyHeader, PASS, UnusableVerification } from './verifier.ts'

type Settings = NonNullable<Verification['jwt']>

/** A compact JWS (RFC 7515, 7.1), signed: an empty signature is none. */
const BEARER = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i

/**
 * A key set is read again for a key that it lacks, but not more often than this: anyone can name a key that
 * is not there.
 */
const COOLDOWN_MS = 30_000

/**
 * What a token is checked with. Resolves to its claims; rejects with an error of jose, or
 * {@link KeysUnavailable}.
 */
type TokenCheck = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload>

class KeysUnavailable extends Error {
  override name = 'KeysUnavailable'
}

/**
 * Signed bearer tokens: RFC 7519, with the advice of RFC 8725. What they sign is who calls, not what is sent.
 */
export const jwt: Verifier = {
  proves: always,
  prepare({ jwt: settings, secrets }, deps) {
    if (settings === undefined) throw new TypeError('a verification of type JWT lacks its settings')
    const check = tokenCheck(settings, secrets, deps)
    const claims = Object.entries(settings.claims ?? {})
    const options: JWTVerifyOptions = {
      issuer: settings.issuer,
      audience: settings.audiences,
      requiredClaims: ['exp'],
      clockTolerance: settings.clockSkewMs / 1000,
    }

    async function judge(token: string, now: number): Promise<VerificationOutcome> {
      try {
        const payload = await check(token, { ...options, currentDate: new Date(now) })
        return claims.every(([name, text]) => payload[name] === text) ? passOf(payload) : INVALID
      } catch (error) {
        // jose rejects a token that it can't use with errors of many kinds; none may let it pass.
        return error instanceof KeysUnavailable ? { kind: 'unavailable', why: error.message } : INVALID
      }
    }

    return {
      isCostly: secrets === undefined,
      verify(request) {
        const line = onlyHeader(request, 'authorization')
        if (typeof line !== 'string') return { ...line, headers: CHALLENGE }
        const token = BEARER.exec(line)?.[1]
        return token === undefined ? MALFORMED : judge(token, request.now)
      },
    }
  },
}

/** A subject is one within its issuer (RFC 7519, 4.1.2). */
const passOf = ({ iss, sub }: JWTPayload): VerificationOutcome =>
  sub === undefined || sub === '' ? PASS : { kind: 'pass', caller: JSON.stringify([iss, sub]) }

/** RFC 6750, 3: without an error where no token was shown. */
const CHALLENGE = ['WWW-Authenticate', 'Bearer']
const INVALID_TOKEN = ['WWW-Authenticate', 'Bearer error="invalid_token"']
const MALFORMED = { kind: 'reject', reason: 'HeaderMalformed', headers: CHALLENGE } as const
const INVALID = { kind: 'reject', reason: 'TokenInvalid', headers: INVALID_TOKEN } as const

function tokenCheck(settings: Settings, secrets: string[] | undefined, deps: VerifierDeps): TokenCheck {
  const { publicKeys: texts, jwksURL, algorithms } = settings
  if (jwksURL !== undefined) return checkWithKeySet(jwksURL, algorithms, deps)
  return checkWithKeys(texts === undefined ? sharedKeys(secrets, algorithms) : publicKeys(texts, algorithms))
}

function checkWithKeys(keys: readonly JwtKey[]): TokenCheck {
  return async (token, options) => {
    let failure: unknown
    for (const { key, algorithms } of keys) {
      try {
        return (await jwtVerify(token, key, { ...options, algorithms: [...algorithms] })).payload
      } catch (error) {
        failure = error
        // Once the signature holds, no other key can change what is wrong.
        if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) break
      }
    }
    throw failure
  }
}

function checkWithKeySet(jwksURL: string, wanted: string[] | undefined, deps: VerifierDeps): TokenCheck {
  const url = parseOutboundUrl(jwksURL, { anyPort: true })
  if (url === undefined)
    throw new UnusableVerification(
      ['jwt', 'jwksURL'],
      'is not a URL that can be fetched: https, without user and fragment',
    )
  const algorithms = keySetAlgorithms(wanted)

  const keys = async (maxAgeMs?: number): Promise<LocalJWKSet> => {
    const read = await deps.read(keySet, url, maxAgeMs === undefined ? {} : { maxAgeMs })
    // A key set that is broken is no fault of who calls.
    if (read.kind !== 'found') throw new KeysUnavailable(read.why)
    return read.value
  }

  return async (token, options) => {
    const narrow = { ...options, algorithms }
    const known = await keys()
    try {
      return await verifyWithSet(token, known, narrow)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const current = await keys(COOLDOWN_MS)
      if (current === known) throw error
      return await verifyWithSet(token, current, narrow)
    }
  }
}

/** A token that names no key may have been signed with any that fits. */
async function verifyWithSet(
  token: string,
  set: LocalJWKSet,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, set, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let failure: unknown = error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (attempt) {
        failure = attempt
        if (!(attempt instanceof errors.JWSSignatureVerificationFailed)) break
      }
    }
    throw failure
  }
}
