import { digestOf, isOneOf } from './compare.ts'
import { asObject, jsonObject } from './json.ts'
import { secretTexts } from './keys.ts'
import { hasQueryParameter, queryParameter } from './query.ts'
import type { VerificationOutcome, Verifier } from './verifier.ts'
import { always, PASS, reject } from './verifier.ts'

/**
 * Microsoft Graph, "Receive change notifications through webhooks": the endpoint echoes a token when a
 * subscription is made, and every notification carries the subscription's `clientState`. The tokens of rich
 * notifications (`validationTokens`) are not checked.
 */
export const microsoftGraph: Verifier = {
  proves: always,
  prepare({ secrets }) {
    const states = secretTexts(secrets).map(digestOf)
    return {
      verify(request) {
        if (hasQueryParameter(request.query, 'validationToken')) return echo(request.query)
        return passes(states, request.body)
      },
    }
  },
}

function echo(query: string): VerificationOutcome {
  const token = queryParameter(query, 'validationToken')
  return token === undefined
    ? reject('HandshakeRefused', 400)
    : { kind: 'handshake', status: 200, body: token }
}

/** A batch passes as a whole or not at all: one false notification would run with the others. */
function passes(states: readonly Buffer[], body: Buffer): VerificationOutcome {
  const notifications = jsonObject(body)?.['value']
  if (!Array.isArray(notifications) || notifications.length === 0) return reject('BodyMalformed')
  const all = notifications.every((notification: unknown) => {
    const state = asObject(notification)?.['clientState']
    return typeof state === 'string' && isOneOf(states, state)
  })
  return all ? PASS : reject('SignatureMismatch')
}
