import type { KeyObject } from 'node:crypto'
import { idOf, signedWith } from './delivery.ts'
import { ed25519Passes, ed25519PublicKey } from './ed25519.ts'
import { jsonObject } from './json.ts'
import { secretTexts } from './keys.ts'
import { DEFAULT_TOLERANCE_MS, parseTime } from './time.ts'
import type { VerificationOutcome, Verifier } from './verifier.ts'
import { always, onlyHeader, PASS, reject, UnusableVerification } from './verifier.ts'

const SIGNATURE = /^[0-9A-Fa-f]{128}$/

/**
 * Discord, "Receiving and Responding to Interactions" and "Webhook Events": Ed25519 over the time and the
 * body.
 */
export const discord: Verifier = {
  proves: always,
  prepare({ secrets, toleranceMs = DEFAULT_TOLERANCE_MS }) {
    const keys = secretTexts(secrets).map(publicKey)
    const signed = signedWith('x-signature-timestamp')
    return {
      isCostly: true,
      verify(request) {
        const signature = onlyHeader(request, 'x-signature-ed25519')
        if (typeof signature !== 'string') return signature
        const time = onlyHeader(request, 'x-signature-timestamp')
        if (typeof time !== 'string') return time
        const signedAt = parseTime(time, 'UnixSeconds')
        if (signedAt === undefined || !SIGNATURE.test(signature)) return reject('HeaderMalformed')
        if (!(Math.abs(request.now - signedAt) <= toleranceMs)) return reject('TimestampOutOfTolerance')
        const message = Buffer.concat([Buffer.from(time), request.body])
        const bytes = Buffer.from(signature, 'hex')
        if (!keys.some((key) => ed25519Passes(key, message, bytes))) return reject('SignatureMismatch')
        return pong(request.body) ?? PASS
      },
      // Interactions have an id, events have none.
      deliveryId: (request) => idOf(jsonObject(request.body)?.['id']) ?? signed(request),
    }
  },
}

function publicKey(text: string, index: number): KeyObject {
  const bytes = /^[0-9A-Fa-f]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.alloc(0)
  const key = ed25519PublicKey(bytes)
  if (key === undefined)
    throw new UnusableVerification(
      ['secrets', index],
      "is not a Discord public key: give the 64 hex digits of the application's General Information page",
    )
  return key
}

/**
 * Type 1 is the ping of an interaction endpoint, but an event of a webhook event endpoint, whose ping is type
 * 0.
 */
function pong(body: Buffer): VerificationOutcome | undefined {
  const message = jsonObject(body)
  if (message?.['type'] === 1 && message['event'] === undefined)
    return { kind: 'handshake', status: 200, contentType: 'application/json', body: '{"type":1}' }
  if (message?.['type'] === 0 && message['token'] === undefined)
    return { kind: 'handshake', status: 204, body: '' }
  return undefined
}
