import { signedBody } from './delivery.ts'
import { preset } from './hmac.ts'
import { PLAIN } from './signed.ts'

/**
 * GitHub, "Validating webhook deliveries". The SHA-1 header `X-Hub-Signature` does not count.
 * `X-GitHub-Delivery` is not signed; a redelivery has the bytes of the first delivery, and two events never
 * have the same.
 */
export const github = preset({
  settings: { ...PLAIN, header: 'x-hub-signature-256', prefix: 'sha256=' },
  deliveryId: signedBody,
})
