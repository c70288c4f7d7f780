import { digestOf, isOneOf } from './compare.ts'
import { idIn } from './delivery.ts'
import { secretTexts } from './keys.ts'
import { prepareSymmetric } from './standard-webhooks.ts'
import type { PreparedVerification, Verifier } from './verifier.ts'
import { always, onlyHeader, PASS, reject } from './verifier.ts'

/**
 * GitLab, "Webhooks": the secret token, which proves the sender and not the body, or the signing token, which
 * signs by the Standard Webhooks specification. One never stands in for the other.
 */
export const gitlab: Verifier = {
  proves: always,
  prepare: ({ gitlab: settings, secrets, toleranceMs }) =>
    settings?.mode === 'Signature' ? prepareSymmetric(secrets, toleranceMs) : prepareToken(secrets),
}

function prepareToken(secrets: readonly string[] | undefined): PreparedVerification {
  const digests = secretTexts(secrets).map(digestOf)
  return {
    secretHeader: 'x-gitlab-token',
    verify(request) {
      const token = onlyHeader(request, 'x-gitlab-token')
      if (typeof token !== 'string') return token
      return isOneOf(digests, token) ? PASS : reject('SignatureMismatch')
    },
    // X-Gitlab-Event-UUID is no id of a delivery: events that follow from each other share it.
    deliveryId: idIn('idempotency-key'),
  }
}
