import { signatureCheck } from './hmac.ts'
import { secretKeys } from './keys.ts'
import { createMac } from './mac.ts'
import { queryParameter } from './query.ts'
import { PLAIN } from './signed.ts'
import type { VerificationOutcome, Verifier } from './verifier.ts'
import { always, reject } from './verifier.ts'

const mac = createMac('SHA256', 'Base64')
const OPENING_BRACE = 0x7b

/**
 * X, "Securing webhooks": the secret is the app's consumer secret. The challenge-response check makes the
 * server sign what anyone sends; so that its answer can never serve as the signature of an event, a token has
 * no brace, and an event begins with one.
 */
export const x: Verifier = {
  proves: always,
  prepare(verification) {
    const check = signatureCheck(verification, {
      ...PLAIN,
      header: 'x-twitter-webhooks-signature',
      encoding: 'Base64',
      prefix: 'sha256=',
    })
    const [key] = secretKeys(verification.secrets).map(mac.key)
    const respond = (query: string): VerificationOutcome => {
      const token = queryParameter(query, 'crc_token')
      if (key === undefined || token === undefined || !/^[\w.~=+/-]{1,512}$/.test(token))
        return reject('HandshakeRefused')
      const body = JSON.stringify({ response_token: `sha256=${mac.sign(key, [token])}` })
      return { kind: 'handshake', status: 200, contentType: 'application/json', body }
    }
    return {
      verify(request) {
        if (request.method === 'GET') return respond(request.query)
        const outcome = check(request)
        if (outcome.kind === 'pass' && request.body[0] !== OPENING_BRACE) return reject('BodyMalformed')
        return outcome
      },
    }
  },
}
