import type { HmacSettings } from '../route.ts'
import { signedBody } from './delivery.ts'
import { signatureCheck } from './hmac.ts'
import { PLAIN } from './signed.ts'
import type { Verifier } from './verifier.ts'
import { always } from './verifier.ts'

const CLASSIC = 'x-shopify-hmac-sha256'
/** Event webhooks of newer API versions. */
const EVENTS = 'shopify-hmac-sha256'

const settings = (header: string): HmacSettings => ({ ...PLAIN, header, encoding: 'Base64' })

/**
 * Shopify, "Deliver webhooks through HTTPS". For up to an hour after a rotation the old client secret still
 * signs: list both. Neither topic nor id of a delivery is signed.
 */
export const shopify: Verifier = {
  proves: always,
  prepare(verification) {
    const classic = signatureCheck(verification, settings(CLASSIC))
    const events = signatureCheck(verification, settings(EVENTS))
    return {
      verify: (request) => (request.header(EVENTS).length > 0 ? events(request) : classic(request)),
      deliveryId: signedBody,
    }
  },
}
