import type { Log } from '../../process/log.ts'
import type { ServedRoute } from '../routes/served.ts'
import type { Tally } from '../verify/tally.ts'
import type { PreparedVerification, VerificationOutcome } from '../verify/verifier.ts'
import type { Prepared } from '../routes/prepared.ts'
import { handshakeAnswer, preparedAnswers, verificationAnswer } from '../routes/prepared.ts'
import { ReceivedCall } from './received-call.ts'
import type { RoutedCall } from './routed-call.ts'
import { fieldsOf } from './routed-call.ts'

/** What is known of a call that was verified. */
export interface Passed {
  /** Only where the webhook drops repeated deliveries. */
  deliveryId?: string | undefined
  /** Who calls, where the protocol tells it. */
  caller?: string | undefined
}

/** What becomes of a call to a webhook with a verification. */
export type Verified =
  | ({ kind: 'pass' } & Passed)
  /** A refusal or a handshake: nothing is stored. `headers`: more, names and values in turn. */
  | { kind: 'answer'; answer: Prepared; headers?: readonly string[] }

interface VerificationDeps {
  publicUrl: () => string | undefined
  /** Milliseconds since 1970. */
  now: () => number
  tally: Tally
  log: Log
}

/** Asks a route's verifier, and turns what it says into an answer. */
export function createVerification({ publicUrl, now, tally, log }: VerificationDeps) {
  const refusalLevel = createRefusalLevel()

  function judge(outcome: VerificationOutcome, call: RoutedCall, request: ReceivedCall): Verified {
    const { route } = call
    tally.add(route.verificationType, outcome)
    switch (outcome.kind) {
      case 'pass':
        return {
          kind: 'pass',
          deliveryId: route.once && route.verification?.deliveryId?.(request),
          caller: outcome.caller,
        }
      case 'reject': {
        const { reason, why, status, headers } = outcome
        const told = { reason, ...(why === undefined ? {} : { why }), ...fieldsOf(call) }
        log[refusalLevel(route, request.now)](told, 'Verification failed')
        return { kind: 'answer', answer: verificationAnswer(status), ...(headers ? { headers } : {}) }
      }
      case 'handshake':
        return { kind: 'answer', answer: handshakeAnswer(outcome) }
      case 'unavailable':
        log.warn({ why: outcome.why, ...fieldsOf(call) }, 'Call can not be verified')
        return { kind: 'answer', answer: preparedAnswers.VerificationUnavailable }
    }
  }

  /** At once where the verifier answers at once. */
  return (
    call: RoutedCall,
    verification: PreparedVerification,
    body: Buffer,
  ): Verified | Promise<Verified> => {
    const { exchange, url, target } = call
    const request = new ReceivedCall({ req: exchange.req, url, target, body, now: now(), publicUrl })
    const outcome = verification.verify(request)
    if (outcome instanceof Promise) return outcome.then((later) => judge(later, call, request))
    return judge(outcome, call, request)
  }
}

/** How long a webhook's further refusals are lines of level debug. */
const REFUSAL_SILENCE_MS = 60_000

/**
 * A provider's wrong secret must be found without debugging, and a flood of forged calls must not fill the
 * log.
 */
function createRefusalLevel(): (route: ServedRoute, now: number) => 'info' | 'debug' {
  const logged = new WeakMap<ServedRoute, number>()
  return (route, now) => {
    if (now - (logged.get(route) ?? -Infinity) < REFUSAL_SILENCE_MS) return 'debug'
    logged.set(route, now)
    return 'info'
  }
}
