import type { HmacSettings, Verification } from '../route.ts'
import { signedAs } from './delivery.ts'
import { secretKeys } from './keys.ts'
import { createSignatureCheck } from './signed.ts'
import type { SignatureCheck } from './signed.ts'
import { DEFAULT_TOLERANCE_MS } from './time.ts'
import type { PreparedVerification, Verifier } from './verifier.ts'
import { always } from './verifier.ts'

/** The generic verification: the user says how the sender signs. */
export const hmac: Verifier = {
  proves: always,
  prepare(verification) {
    const { hmac: settings } = verification
    if (settings === undefined) throw new TypeError('a verification of type HMAC lacks its settings')
    const verify = signatureCheck(verification, settings)
    return { verify, deliveryId: deliveryIdBy(settings) }
  },
}

/** What the template signs has been checked to be there once. An id that it does not sign proves nothing. */
function deliveryIdBy(settings: HmacSettings): NonNullable<PreparedVerification['deliveryId']> {
  const { template, publicURL } = settings
  const idHeader = settings.idHeader?.toLowerCase()
  const timestampHeader = settings.timestampHeader?.toLowerCase()
  if (idHeader !== undefined && template.includes('{id}')) return (request) => request.header(idHeader)[0]
  // Texts and names of variables in turn.
  const pieces = template.split(/\{(body|timestamp|url)\}/)
  return (request) => {
    const values: Record<string, string | Buffer | undefined> = {
      body: request.body,
      timestamp: timestampHeader && request.header(timestampHeader)[0],
      url: request.url(publicURL),
    }
    return signedAs(...pieces.map((piece, index) => (index % 2 === 0 ? piece : (values[piece] ?? ''))))
  }
}

/** The check of a scheme with the secrets and the tolerance of a route. */
export function signatureCheck(verification: Verification, settings: HmacSettings): SignatureCheck {
  return createSignatureCheck(settings, {
    secrets: secretKeys(verification.secrets, settings.keyEncoding),
    toleranceMs: verification.toleranceMs ?? DEFAULT_TOLERANCE_MS,
  })
}

interface Preset {
  /** As a user could write them under `hmac`. */
  settings: HmacSettings
  deliveryId?: PreparedVerification['deliveryId']
}

/** A provider that is nothing but a setting of the generic verification. */
export function preset({ settings, deliveryId }: Preset): Verifier {
  return {
    proves: always,
    prepare(verification) {
      const verify = signatureCheck(verification, settings)
      return deliveryId === undefined ? { verify } : { verify, deliveryId }
    },
  }
}
