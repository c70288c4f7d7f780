import { createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createLocalJWKSet } from 'jose'
import type { JWK, LocalJWKSet } from 'jose'
import { asObject, jsonObject } from './json.ts'
import { secretTexts } from './keys.ts'
import type { RemoteDocument } from './verifier.ts'
import { InvalidDocument, UnusableVerification } from './verifier.ts'

/**
 * A key and the algorithms that it may be used with: those of its kind, so that a public key is never taken
 * for a shared secret.
 */
export interface JwtKey {
  key: KeyObject
  algorithms: readonly string[]
}

const HMAC = ['HS256', 'HS384', 'HS512']
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
/** RFC 9864 gives EdDSA over this curve a name of its own; senders use either. */
const ED25519 = ['EdDSA', 'Ed25519']
const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

const ASYMMETRIC = [...RSA, ...Object.values(CURVES), ...ED25519]

/** RFC 7518, 3.2 and 3.3: a shorter one can be found by trying. */
const MIN_SECRET_BYTES = 32
const MIN_RSA_BITS = 2048

/** Of all that a kind of key can do, what the webhook lets pass; everything when it does not say. */
export function narrowed(algorithms: readonly string[], wanted: readonly string[] | undefined): string[] {
  if (wanted === undefined) return [...algorithms]
  const names = wanted.includes('EdDSA') ? [...wanted, ...ED25519] : wanted
  return algorithms.filter((name) => names.includes(name))
}

/** Algorithms for the keys of a key set. */
export const keySetAlgorithms = (wanted: readonly string[] | undefined): string[] =>
  narrowed(ASYMMETRIC, wanted)

/** @throws {UnusableVerification} on a secret that is too short. */
export function sharedKeys(
  secrets: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
): JwtKey[] {
  return secretTexts(secrets).map((secret, index) => {
    const bytes = Buffer.from(secret, 'utf8')
    if (bytes.length < MIN_SECRET_BYTES)
      throw new UnusableVerification(
        ['secrets', index],
        `has less than ${MIN_SECRET_BYTES} bytes, so that it can be found by trying: use a longer one`,
      )
    return { key: createSecretKey(bytes), algorithms: narrowed(HMAC, wanted) }
  })
}

/**
 * @throws {UnusableVerification} on a text that is not one public key in PEM, or is of no use with the wanted
 * algorithms.
 */
export function publicKeys(texts: readonly string[], wanted: readonly string[] | undefined): JwtKey[] {
  return texts.map((text, index) => {
    const path = ['jwt', 'publicKeys', index]
    const key = readPublicKey(text, path)
    const algorithms = narrowed(algorithmsOf(key, path), wanted)
    if (algorithms.length === 0)
      throw new UnusableVerification(path, 'is of a kind that none of jwt.algorithms goes with')
    return { key, algorithms }
  })
}

function readPublicKey(text: string, path: (string | number)[]): KeyObject {
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/g)].map(([, label = '']) => label)
  if (labels.some((label) => label.endsWith('PRIVATE KEY')))
    throw new UnusableVerification(
      path,
      'is a private key, which belongs to the issuer alone: give the public key',
    )
  if (labels.length !== 1)
    throw new UnusableVerification(
      path,
      'is not one public key in PEM: begin it with -----BEGIN PUBLIC KEY-----',
    )
  try {
    return createPublicKey(text)
  } catch {
    throw new UnusableVerification(path, 'is not a public key in PEM that can be read')
  }
}

function algorithmsOf(
  { asymmetricKeyType, asymmetricKeyDetails }: KeyObject,
  path: (string | number)[],
): string[] {
  const { namedCurve = '', modulusLength = 0 } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'rsa' && modulusLength < MIN_RSA_BITS)
    throw new UnusableVerification(path, `is an RSA key of less than ${MIN_RSA_BITS} bits: use a longer one`)
  if (asymmetricKeyType === 'rsa') return RSA
  if (asymmetricKeyType === 'ed25519') return ED25519
  const algorithm = asymmetricKeyType === 'ec' ? CURVES[namedCurve] : undefined
  if (algorithm !== undefined) return [algorithm]
  throw new UnusableVerification(
    path,
    'is of a kind that no token is signed with: use RSA, P-256, P-384, P-521 or Ed25519',
  )
}

/** How long a key set is used before it is read again: for so long, a key that was taken out still passes. */
const KEY_SET_MS = 600_000
/** And for so long where the issuer can't be reached. */
const KEY_SET_USABLE_MS = 3_600_000
const MAX_KEYS = 100

/** A JSON Web Key Set (RFC 7517, 5). Symmetric keys have no place in one that is published. */
export const keySet: RemoteDocument<LocalJWKSet> = {
  name: 'JSON Web Key Set',
  origin: 'webhook',
  parse(bytes, { now }) {
    const keys = jsonObject(bytes)?.['keys']
    if (!Array.isArray(keys)) throw new InvalidDocument('it is not a key set')
    if (keys.length > MAX_KEYS) throw new InvalidDocument('there are too many keys')
    const usable = keys.map(asObject).filter((key) => key !== undefined && key['kty'] !== 'oct')
    const value = createLocalJWKSet({ keys: usable as JWK[] })
    return { value, expiresAt: now + KEY_SET_MS, usableUntil: now + KEY_SET_USABLE_MS }
  },
}
