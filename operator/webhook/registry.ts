import type { WebhookSpec, WebhookVerification } from '../../crds/types.gen.ts'

/** Which types of Webhook the data plane serves; callers of the others get 503. */
export const TYPES = {
  HTTP: { served: true },
  WebSocket: { served: false },
} satisfies Record<WebhookSpec['type'], { served: boolean }>

interface VerificationTraits {
  /** Whether the data plane can check it; callers of the others get 503, never an unchecked answer. */
  served: boolean
  /** Whether a call that passes proves who sent it. */
  proves(verification: WebhookVerification): boolean
}

const always = (): boolean => true
const never = (): boolean => false
/** Providers whose handshake works without a secret, but whose calls are checked only with one. */
const withSecrets = ({ secrets }: WebhookVerification): boolean => secrets !== undefined

/** What the operator knows of each verification type. */
export const VERIFICATIONS = {
  None: { served: true, proves: never },
  Alexa: { served: false, proves: always },
  Facebook: { served: false, proves: withSecrets },
  Fitbit: { served: false, proves: withSecrets },
  Twilio: { served: false, proves: withSecrets },
  GitHub: { served: false, proves: always },
  GitLab: { served: false, proves: always },
  Stripe: { served: false, proves: always },
  Slack: { served: false, proves: always },
  Shopify: { served: false, proves: always },
  Square: { served: false, proves: always },
  StandardWebhooks: { served: false, proves: always },
  PagerDuty: { served: false, proves: always },
  Zoom: { served: false, proves: always },
  X: { served: false, proves: always },
  MicrosoftGraph: { served: false, proves: always },
  SNS: { served: false, proves: always },
  Dropbox: { served: false, proves: always },
  Discord: { served: false, proves: always },
  // Its handshake only asks whether events may be sent; who sends them is told by credentials.
  CloudEvents: { served: false, proves: never },
  HMAC: { served: false, proves: always },
  JWT: { served: false, proves: always },
} satisfies Record<WebhookVerification['type'], VerificationTraits>
