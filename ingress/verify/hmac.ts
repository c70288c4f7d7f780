import type { HmacSettings, Verification } from '../route.ts'
import { secretKeys } from './keys.ts'
import { createSignatureCheck } from './signed.ts'
import type { SignatureCheck } from './signed.ts'
import { DEFAULT_TOLERANCE_MS } from './time.ts'
import type { PreparedVerification, VerificationRequest, Verifier } from './verifier.ts'
import { always } from './verifier.ts'

/** The generic verification: the user says how the sender signs. */
export const hmac: Verifier = {
  proves: always,
  prepare(verification) {
    const { hmac: settings } = verification
    if (settings === undefined) throw new TypeError('a verification of type HMAC lacks its settings')
    const verify = signatureCheck(verification, settings)
    const { idHeader } = settings
    return idHeader === undefined ? { verify } : { verify, deliveryId: idIn(idHeader.toLowerCase()) }
  },
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

/** The delivery's id is the value of the first of these headers that is there, exactly once. */
export function idIn(...names: string[]): (request: VerificationRequest) => string | undefined {
  return (request) => {
    for (const name of names) {
      const values = request.header(name)
      if (values.length > 0) return values.length === 1 && values[0] !== '' ? values[0] : undefined
    }
    return undefined
  }
}
