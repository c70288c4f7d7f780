import { digestOf, isOneOf } from './compare.ts'
import { signatureCheck } from './hmac.ts'
import { queryParameter } from './query.ts'
import { PLAIN } from './signed.ts'
import type { VerificationOutcome, Verifier } from './verifier.ts'
import { PASS, reject, UnusableVerification, withSecrets } from './verifier.ts'

/**
 * What Fitbit takes for "not here": of a wrong code in the handshake and of a signature that does not fit.
 */
const NOT_FOUND = 404

/**
 * Fitbit, "Using subscriptions": it asks once with the right code and once with a wrong one. Notifications
 * are checked when the client secret is given; the key is the secret and an ampersand, as in OAuth 1.
 */
export const fitbit: Verifier = {
  proves: withSecrets,
  prepare(verification) {
    const { code, secrets } = verification
    if (code === undefined || code === '')
      throw new UnusableVerification(['code'], 'is missing: enter the verification code')
    const expected = [digestOf(code)]
    const check =
      secrets === undefined
        ? () => PASS
        : signatureCheck(
            { ...verification, secrets: secrets.map((secret) => (secret === '' ? '' : `${secret}&`)) },
            { ...PLAIN, header: 'x-fitbit-signature', algorithm: 'SHA1', encoding: 'Base64' },
          )

    const handshake = (query: string): VerificationOutcome => {
      const given = queryParameter(query, 'verify')
      return given !== undefined && isOneOf(expected, given)
        ? { kind: 'handshake', status: 204, body: '' }
        : reject('HandshakeRefused', NOT_FOUND)
    }
    return {
      verify(request) {
        if (request.method === 'GET') return handshake(request.query)
        const outcome = check(request)
        return outcome.kind === 'reject' ? { ...outcome, status: NOT_FOUND } : outcome
      },
    }
  },
}
