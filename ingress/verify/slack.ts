import { idOf, signedWith } from './delivery.ts'
import { signatureCheck } from './hmac.ts'
import { asText, jsonObject } from './json.ts'
import { PLAIN } from './signed.ts'
import type { Verifier } from './verifier.ts'
import { always } from './verifier.ts'

const TIMESTAMP = 'x-slack-request-timestamp'

/**
 * Slack, "Verifying requests from Slack". The challenge of the Events API is answered only when it is signed,
 * too.
 */
export const slack: Verifier = {
  proves: always,
  prepare(verification) {
    const check = signatureCheck(verification, {
      ...PLAIN,
      header: 'x-slack-signature',
      prefix: 'v0=',
      template: 'v0:{timestamp}:{body}',
      timestampHeader: TIMESTAMP,
    })
    const signed = signedWith(TIMESTAMP)
    return {
      verify(request) {
        const outcome = check(request)
        const challenge = outcome.kind === 'pass' ? challengeOf(request.body) : undefined
        return challenge === undefined ? outcome : { kind: 'handshake', status: 200, body: challenge }
      },
      // Commands and interactions are forms without an id.
      deliveryId: (request) => idOf(jsonObject(request.body)?.['event_id']) ?? signed(request),
    }
  },
}

function challengeOf(body: Buffer): string | undefined {
  // Most events never come near the parser.
  if (!body.includes('url_verification')) return undefined
  const message = jsonObject(body)
  return message?.['type'] === 'url_verification' ? asText(message['challenge']) : undefined
}
