import { idOf, signedBody } from './delivery.ts'
import { preset } from './hmac.ts'
import { asObject, jsonObject } from './json.ts'
import { PLAIN } from './signed.ts'

/** PagerDuty, "Webhook signatures" (v3): one signature for each secret that is valid while it is rotated. */
export const pagerduty = preset({
  deliveryId: (request) => idOf(asObject(jsonObject(request.body)?.['event'])?.['id']) ?? signedBody(request),
  settings: { ...PLAIN, header: 'x-pagerduty-signature', prefix: 'v1=', separator: ',' },
})
