import { signatureCheck } from './hmac.ts'
import { queryParameter } from './query.ts'
import { PLAIN } from './signed.ts'
import type { Verifier } from './verifier.ts'
import { always, reject } from './verifier.ts'

/** Dropbox, "Webhooks": the secret is the app secret. */
export const dropbox: Verifier = {
  proves: always,
  prepare(verification) {
    const check = signatureCheck(verification, { ...PLAIN, header: 'x-dropbox-signature' })
    return {
      verify(request) {
        if (request.method !== 'GET') return check(request)
        const challenge = queryParameter(request.query, 'challenge')
        return challenge === undefined
          ? reject('HandshakeRefused', 400)
          : { kind: 'handshake', status: 200, body: challenge }
      },
    }
  },
}
