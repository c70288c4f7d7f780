import type { IngressState, Verdict } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import type { Log } from '../../process/log.ts'
import type { AnswerCode } from '../answers.ts'
import type { ServedRoute } from '../routes/served.ts'
import { exhausted, throttleOf } from '../routes/served.ts'
import { PROTOCOL_VERSION } from '../websocket/handshake.ts'
import type { Exchange, Sender } from './exchange.ts'
import type { Prepared } from '../routes/prepared.ts'
import { preparedAnswers } from '../routes/prepared.ts'
import type { RateGate } from './rate-gate.ts'
import type { RoutedCall } from './routed-call.ts'
import { fieldsOf } from './routed-call.ts'
import type { WaitingCalls } from './waiting.ts'

export interface RefusalDeps {
  state: IngressState
  waiting: WaitingCalls
  sender: Sender
  gate: Pick<RateGate, 'full'>
  log: Log
}

/** The answers to calls of which nothing is stored. */
export function createRefusals({ state, waiting, sender, gate, log }: RefusalDeps) {
  /** Answers a call that the throttle counts although nothing of it is stored. */
  async function answerCounted(call: RoutedCall, answer: Prepared, extra?: readonly string[]): Promise<void> {
    await counted(call, () => sender.send(call.exchange, answer, extra))
  }

  /** Answers when the throttle has counted the call and lets it pass. */
  async function counted(call: RoutedCall, answer: () => void): Promise<void> {
    const { route, clientIP, isCounted } = call
    if (isCounted) {
      answer()
      return
    }
    try {
      const verdict = await state.admit({ partition: route.partition, throttle: throttleOf(route, clientIP) })
      if (verdict.kind === 'accepted') answer()
      else refuseBy(verdict, call)
    } catch (error) {
      fail(call, error)
    }
  }

  /** Refuses a call that the throttle counts although it goes no further. */
  async function refuseCounted(
    call: RoutedCall,
    code: 'Unauthorized' | 'PayloadTooLarge' | 'IdempotencyKeyInvalid' | 'OriginNotAllowed',
  ): Promise<void> {
    const { exchange, route } = call
    const challenges = code === 'Unauthorized' ? route.credentials?.challenges : undefined
    await counted(call, () => refuse(exchange, code, route, challenges))
  }

  function refuseThrottled({ exchange, route }: RoutedCall, retryAfterMs: number): void {
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000))
    refuse(exchange, 'Throttled', route, ['Retry-After', String(seconds), ...exhausted(route, seconds)])
  }

  function refuseBy(verdict: Exclude<Verdict, { kind: 'accepted' }>, call: RoutedCall): void {
    const { exchange, route } = call
    switch (verdict.kind) {
      case 'throttled':
        if (route.verification?.isCostly) gate.full(throttleOf(route, call.clientIP), verdict.retryAfterMs)
        refuseThrottled(call, verdict.retryAfterMs)
        return
      case 'crowded':
        refuse(exchange, 'Crowded', route)
        return
      case 'backlogged':
        refuse(exchange, 'Backlogged', route)
        return
      case 'reused':
        refuse(exchange, 'IdempotencyKeyReused', route)
        return
      case 'repeated':
        repeat(exchange, route, verdict)
    }
  }

  /** Answers like the first call of that key. */
  function repeat(
    exchange: Exchange,
    route: ServedRoute,
    { eventId, message }: Extract<Verdict, { kind: 'repeated' }>,
  ): void {
    log.debug({ eventId, ...fieldsOf({ exchange, route }) }, 'Call repeats another')
    const isProviders = route.once?.sameRequest === false
    // Whose runs are over has been taken; that none of them replied is not what the provider is asked to come
    // again for.
    if (message !== undefined && !(isProviders && message.kind === 'ended')) {
      waiting.repeat({ exchange, route, eventId }, message)
      return
    }
    // A caller with a key of its own comes back for the answer; to a provider anything but a 2xx is a failed
    // delivery.
    if (route.mode !== 'Immediate' && !isProviders) {
      refuse(exchange, 'StillRunning', route)
      return
    }
    exchange.eventId = eventId
    sender.send(exchange, route.mode === 'Immediate' ? route.answer : preparedAnswers.Repeated)
  }

  function fail(call: RoutedCall, error: unknown): void {
    if (error instanceof StateUnavailable) {
      refuse(call.exchange, 'StateUnavailable', call.route)
    } else {
      log.error({ err: error, ...fieldsOf(call) }, 'Call failed')
      sender.send(call.exchange, preparedAnswers.Internal)
    }
  }

  function refuse(
    exchange: Exchange,
    reason: AnswerCode,
    route?: ServedRoute,
    extra?: readonly string[],
  ): void {
    const fields = route === undefined ? { requestId: exchange.requestId } : fieldsOf({ exchange, route })
    log.debug({ reason, ...fields }, 'Call refused')
    sender.send(exchange, preparedAnswers[reason], extra ?? OWN_HEADERS[reason])
  }

  return { refuse, refuseBy, refuseThrottled, refuseCounted, answerCounted, counted, fail }
}

export type Refusals = ReturnType<typeof createRefusals>

/** What these answers have to say (RFC 9110, 15.5.22; RFC 6455, 4.2.2). */
const OWN_HEADERS: Partial<Record<AnswerCode, readonly string[]>> = {
  UpgradeRequired: ['Upgrade', 'websocket', 'Connection', 'Upgrade'],
  UnsupportedVersion: ['Sec-WebSocket-Version', PROTOCOL_VERSION],
}
