import type { WebhookVerification } from '../../crds/types.gen.ts'
import { VERIFIERS } from '../../ingress/verify/registry.ts'
import type { Verifier } from '../../ingress/verify/verifier.ts'

type VerificationType = WebhookVerification['type']

/**
 * What the operator knows of a verification is what the data plane's verifier says. A type of the resource
 * without a verifier, or a verifier that no resource can ask for, does not build.
 */
const BY_TYPE: Readonly<Record<Exclude<VerificationType, 'None'>, Verifier>> = VERIFIERS

/** Undefined for `None`. */
export function verifierOf(type: VerificationType): Verifier | undefined {
  return Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type as keyof typeof BY_TYPE] : undefined
}
