import { preset } from './hmac.ts'
import { asObject, asText, jsonObject } from './json.ts'
import { PLAIN } from './signed.ts'

/** PagerDuty, "Webhook signatures" (v3): one signature for each secret that is valid while it is rotated. */
export const pagerduty = preset({
  deliveryId: ({ body }) => asText(asObject(jsonObject(body)?.['event'])?.['id']),
  settings: { ...PLAIN, header: 'x-pagerduty-signature', prefix: 'v1=', separator: ',' },
})
