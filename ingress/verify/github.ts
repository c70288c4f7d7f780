import { idIn, preset } from './hmac.ts'
import { PLAIN } from './signed.ts'

/** GitHub, "Validating webhook deliveries". The SHA-1 header `X-Hub-Signature` does not count. */
export const github = preset({
  settings: { ...PLAIN, header: 'x-hub-signature-256', prefix: 'sha256=' },
  deliveryId: idIn('x-github-delivery'),
})
