import { idOf, signedBody } from './delivery.ts'
import { signatureCheck } from './hmac.ts'
import { jsonObject } from './json.ts'
import { PLAIN } from './signed.ts'
import type { Verifier } from './verifier.ts'
import { always } from './verifier.ts'

/**
 * Square, "Verify and validate an event notification": the notification URL and the body are signed as one
 * text.
 */
export const square: Verifier = {
  proves: always,
  prepare: (verification) => ({
    verify: signatureCheck(verification, {
      ...PLAIN,
      header: 'x-square-hmacsha256-signature',
      encoding: 'Base64',
      template: '{url}{body}',
      ...verification.square,
    }),
    deliveryId: (request) => idOf(jsonObject(request.body)?.['event_id']) ?? signedBody(request),
  }),
}
