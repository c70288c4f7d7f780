import type { HmacSettings } from '../route.ts'
import { signedWith } from './delivery.ts'
import { signatureCheck } from './hmac.ts'
import { asObject, asText, jsonObject } from './json.ts'
import { secretKeys, secretTexts } from './keys.ts'
import { createMac } from './mac.ts'
import { PLAIN } from './signed.ts'
import type { Verifier } from './verifier.ts'
import { always } from './verifier.ts'

const TIMESTAMP = 'x-zm-request-timestamp'
const SETTINGS: HmacSettings = {
  ...PLAIN,
  header: 'x-zm-signature',
  prefix: 'v0=',
  template: 'v0:{timestamp}:{body}',
  timestampHeader: TIMESTAMP,
}
const mac = createMac('SHA256', 'Hex')

/**
 * Zoom, "Verify webhook events" and "Validate your webhook endpoint". The token is signed for Zoom only when
 * the request is signed by it: else anyone could have anything signed here.
 */
export const zoom: Verifier = {
  proves: always,
  prepare(verification) {
    const check = signatureCheck(verification, SETTINGS)
    const keys = secretKeys(verification.secrets).map(mac.key)
    const checks = secretTexts(verification.secrets).map((secret) =>
      signatureCheck({ ...verification, secrets: [secret] }, SETTINGS),
    )
    return {
      deliveryId: signedWith(TIMESTAMP),
      verify(request) {
        const outcome = check(request)
        const plainToken = outcome.kind === 'pass' ? tokenOf(request.body) : undefined
        if (plainToken === undefined) return outcome
        // While a secret is rotated, Zoom wants the answer under the one it asked with.
        const key = keys[checks.findIndex((single) => single(request).kind === 'pass')]
        if (key === undefined) return outcome
        return {
          kind: 'handshake',
          status: 200,
          contentType: 'application/json',
          body: JSON.stringify({ plainToken, encryptedToken: mac.sign(key, [plainToken]) }),
        }
      },
    }
  },
}

function tokenOf(body: Buffer): string | undefined {
  if (!body.includes('endpoint.url_validation')) return undefined
  const message = jsonObject(body)
  if (message?.['event'] !== 'endpoint.url_validation') return undefined
  return asText(asObject(message['payload'])?.['plainToken'])
}
