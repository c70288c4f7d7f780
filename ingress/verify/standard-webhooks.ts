import type { KeyObject } from 'node:crypto'
import { ed25519Passes, ed25519PublicKey } from './ed25519.ts'
import { decodeBase64, secretTexts } from './keys.ts'
import { createMac } from './mac.ts'
import type { MacKey } from './mac.ts'
import { DEFAULT_TOLERANCE_MS, parseTime } from './time.ts'
import type { VerificationOutcome, VerificationRequest, Verifier } from './verifier.ts'
import { always, onlyHeader, PASS, reject, UnusableVerification } from './verifier.ts'

const mac = createMac('SHA256', 'Base64')
/** An id with a dot could be read as an id and a part of the time. */
const ID = /^[!--/-~]{1,256}$/
const ED25519_SIGNATURE = /^[A-Za-z0-9+/]{86}==$/

/** By the first characters of a signature; a key only ever checks signatures of its own kind. */
interface Keys {
  v1: MacKey[]
  v1a: KeyObject[]
}

/**
 * The Standard Webhooks specification: `v1` (HMAC) and `v1a` (Ed25519), also under the header names of Svix.
 */
export const standardWebhooks: Verifier = {
  proves: always,
  prepare: ({ secrets, toleranceMs = DEFAULT_TOLERANCE_MS }) =>
    prepareStandardWebhooks(keysOf(secrets), toleranceMs),
}

/** Of `whsec_` secrets only, for a provider that knows no public keys. */
export function prepareSymmetric(secrets: readonly string[] | undefined, toleranceMs = DEFAULT_TOLERANCE_MS) {
  const keys = keysOf(secrets)
  if (keys.v1a.length > 0)
    throw new UnusableVerification(['secrets'], 'holds a public key: this provider signs with whsec_ secrets')
  return prepareStandardWebhooks(keys, toleranceMs)
}

function prepareStandardWebhooks(keys: Keys, toleranceMs: number) {
  return {
    isCostly: keys.v1a.length > 0,
    verify(request: VerificationRequest): VerificationOutcome {
      const prefix = prefixOf(request)
      const line = onlyHeader(request, `${prefix}-signature`)
      if (typeof line !== 'string') return line
      const id = onlyHeader(request, `${prefix}-id`)
      if (typeof id !== 'string') return id
      const time = onlyHeader(request, `${prefix}-timestamp`)
      if (typeof time !== 'string') return time

      const { v1, v1a } = signaturesOf(line)
      const signedAt = parseTime(time, 'UnixSeconds')
      if (signedAt === undefined || !ID.test(id) || v1.length + v1a.length === 0)
        return reject('HeaderMalformed')
      if (!(Math.abs(request.now - signedAt) <= toleranceMs)) return reject('TimestampOutOfTolerance')
      const head = `${id}.${time}.`
      const passes =
        mac.passes(keys.v1, [head, request.body], v1) || passesEd25519(keys.v1a, head, request.body, v1a)
      return passes ? PASS : reject('SignatureMismatch')
    },
    // The one that was verified: the headers of the other name prove nothing.
    deliveryId: (request: VerificationRequest) => request.header(`${prefixOf(request)}-id`)[0],
  }
}

/** Which headers count: one name for all of them, so that nothing of the other can stand in. */
function prefixOf(request: VerificationRequest): 'svix' | 'webhook' {
  const isSvix =
    request.header('webhook-signature').length === 0 && request.header('svix-signature').length > 0
  return isSvix ? 'svix' : 'webhook'
}

function passesEd25519(keys: KeyObject[], head: string, body: Buffer, signatures: Buffer[]): boolean {
  if (keys.length === 0 || signatures.length === 0) return false
  const message = Buffer.concat([Buffer.from(head), body])
  return keys.some((key) => signatures.some((signature) => ed25519Passes(key, message, signature)))
}

/** How many Ed25519 signatures of one request are tried: each costs as much as thirty HMACs. */
const MAX_ED25519 = 4

/** The well-formed signatures of the known versions; a sender may add others. */
function signaturesOf(line: string): { v1: string[]; v1a: Buffer[] } {
  const found = { v1: [] as string[], v1a: [] as Buffer[] }
  for (const item of line.split(' ')) {
    const comma = item.indexOf(',')
    const [version, signature] = [item.slice(0, comma), item.slice(comma + 1)]
    if (version === 'v1' && mac.form.test(signature)) found.v1.push(signature)
    else if (version === 'v1a' && ED25519_SIGNATURE.test(signature) && found.v1a.length < MAX_ED25519)
      found.v1a.push(Buffer.from(signature, 'base64'))
  }
  return found
}

function keysOf(secrets: readonly string[] | undefined): Keys {
  const keys: Keys = { v1: [], v1a: [] }
  for (const [index, secret] of secretTexts(secrets).entries()) {
    const path = ['secrets', index]
    if (secret.startsWith('whsk_'))
      throw new UnusableVerification(path, 'is a private key: give the public key, which begins with whpk_')
    if (secret.startsWith('whpk_')) {
      const key = ed25519PublicKey(decodeBase64(secret.slice('whpk_'.length)) ?? Buffer.alloc(0))
      if (key === undefined)
        throw new UnusableVerification(path, 'is not an Ed25519 public key: 32 bytes in base64 after whpk_')
      keys.v1a.push(key)
    } else {
      const bytes = decodeBase64(secret.replace(/^whsec_/, ''))
      if (bytes === undefined || bytes.length === 0)
        throw new UnusableVerification(path, 'is not a signing secret: base64 after whsec_')
      keys.v1.push(mac.key(bytes))
    }
  }
  return keys
}
