import { digestOf, isOneOf } from './compare.ts'
import { signatureCheck } from './hmac.ts'
import { queryParameter } from './query.ts'
import { PLAIN } from './signed.ts'
import type { VerificationOutcome, Verifier } from './verifier.ts'
import { PASS, reject, UnusableVerification, withSecrets } from './verifier.ts'

/**
 * Meta (Facebook, Messenger, Instagram, WhatsApp), "Webhooks: getting started". The code is the verify token
 * entered there; events are checked when the app secret is given. Meta signs the escaped form of the payload
 * and sends it so: the raw bytes are what is signed.
 */
export const facebook: Verifier = {
  proves: withSecrets,
  prepare(verification) {
    const { code, secrets } = verification
    if (code === undefined || code === '')
      throw new UnusableVerification(['code'], 'is missing: enter the verify token')
    const verifyToken = [digestOf(code)]
    const check =
      secrets === undefined
        ? () => PASS
        : signatureCheck(verification, { ...PLAIN, header: 'x-hub-signature-256', prefix: 'sha256=' })

    const subscribe = (query: string): VerificationOutcome => {
      const token = queryParameter(query, 'hub.verify_token')
      const challenge = queryParameter(query, 'hub.challenge')
      const asked = queryParameter(query, 'hub.mode') === 'subscribe' && challenge !== undefined
      if (!asked || token === undefined || !isOneOf(verifyToken, token))
        return reject('HandshakeRefused', 403)
      return { kind: 'handshake', status: 200, body: challenge }
    }
    return { verify: (request) => (request.method === 'GET' ? subscribe(request.query) : check(request)) }
  },
}
