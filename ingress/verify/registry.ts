import type { Verification } from '../route.ts'
import { alexa } from './alexa.ts'
import { cloudEvents } from './cloud-events.ts'
import { discord } from './discord.ts'
import { dropbox } from './dropbox.ts'
import { facebook } from './facebook.ts'
import { fitbit } from './fitbit.ts'
import { github } from './github.ts'
import { gitlab } from './gitlab.ts'
import { hmac } from './hmac.ts'
import { jwt } from './jwt.ts'
import { microsoftGraph } from './microsoft-graph.ts'
import { pagerduty } from './pagerduty.ts'
import { shopify } from './shopify.ts'
import { slack } from './slack.ts'
import { sns } from './sns.ts'
import { square } from './square.ts'
import { standardWebhooks } from './standard-webhooks.ts'
import { stripe } from './stripe.ts'
import { twilio } from './twilio.ts'
import { x } from './x.ts'
import { zoom } from './zoom.ts'
import type { PreparedVerification, Verifier, VerifierDeps } from './verifier.ts'
import { NOTHING_FETCHED, UnusableVerification } from './verifier.ts'

/**
 * Every verification that this version can check, by the type's name in the Webhook. The operator holds it
 * against the types of the resource, so that a type without a row does not build.
 */
export const VERIFIERS = {
  Alexa: alexa,
  Facebook: facebook,
  Fitbit: fitbit,
  Twilio: twilio,
  GitHub: github,
  GitLab: gitlab,
  Stripe: stripe,
  Slack: slack,
  Shopify: shopify,
  Square: square,
  StandardWebhooks: standardWebhooks,
  PagerDuty: pagerduty,
  Zoom: zoom,
  X: x,
  MicrosoftGraph: microsoftGraph,
  SNS: sns,
  Dropbox: dropbox,
  Discord: discord,
  CloudEvents: cloudEvents,
  HMAC: hmac,
  JWT: jwt,
} as const satisfies Record<string, Verifier>

export function verifierOf(type: string): Verifier | undefined {
  return Object.hasOwn(VERIFIERS, type) ? (VERIFIERS as Record<string, Verifier>)[type] : undefined
}

/**
 * Undefined for `None`: nothing is checked.
 * @throws {UnusableVerification} on a key that is not one; TypeError on a type that this version does not
 * know, so that a route made by a newer operator is never served unchecked.
 */
export function prepareVerification(
  verification: Verification,
  deps: VerifierDeps,
): PreparedVerification | undefined {
  if (verification.type === 'None') return undefined
  const verifier = verifierOf(verification.type)
  if (verifier === undefined)
    throw new TypeError('the route has a verification that this ingress does not know')
  return verifier.prepare(verification, deps)
}

/** What keeps a verification from being served; undefined: nothing does. */
export function faultOf(verification: Verification): UnusableVerification | undefined {
  try {
    prepareVerification(verification, NOTHING_FETCHED)
    return undefined
  } catch (error) {
    if (error instanceof UnusableVerification) return error
    throw error
  }
}
