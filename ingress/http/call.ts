import type { Log } from '../../process/log.ts'
import { throttleOf } from '../routes/served.ts'
import type { HeldBytes } from '../held-bytes.ts'
import type { Tally } from '../verify/tally.ts'
import type { PreparedVerification } from '../verify/verifier.ts'
import { originPasses } from '../websocket/handshake.ts'
import type { BodyOutcome } from './body.ts'
import { EMPTY_BODY, hasBody, readBody } from './body.ts'
import type { AcceptanceDeps } from './call-acceptance.ts'
import { createAcceptance } from './call-acceptance.ts'
import { hasCredentials, refusalByHead } from './call-head.ts'
import { createRefusals } from './call-refusals.ts'
import type { ClientAddress } from './client-address.ts'
import { corsHeaders, isPreflight, preflightHeaders } from '../routes/cors.ts'
import type { Exchange } from './exchange.ts'
import { createRateGate } from './rate-gate.ts'
import type { RoutedCall } from './routed-call.ts'
import { fieldsOf } from './routed-call.ts'
import { parseTarget } from './target.ts'
import type { Verified } from './verification.ts'
import { createVerification } from './verification.ts'

export interface CallDeps extends Omit<AcceptanceDeps, 'refusals' | 'again'> {
  /** What callers see in front of `/webhooks/…`, undefined: not configured. */
  publicUrl: () => string | undefined
  tally: Tally
  clientAddress: ClientAddress
  /** What unfinished bodies take. */
  held: HeldBytes
  log: Log
}

/**
 * The way of a call to a webhook, be it the handshake of a WebSocket: route, suspend, declared length,
 * throttle, credentials, body, verification, lease, append, answer. Throttle, lease and append are one act of
 * the state, after the body; a call refused for its credentials, its body or its signature is throttled by an
 * act of its own, so that to the caller the throttle comes first.
 *
 * Nothing is awaited before the body's listeners are set, and a call that is accepted costs one round trip.
 */
export function createCallHandler(deps: CallDeps) {
  const { state, table, waiting, sender, publicUrl, tally, clientAddress, held, now, log } = deps

  const gate = createRateGate(now)
  const refusals = createRefusals({ state, waiting, sender, gate, log })
  const { refuse, refuseThrottled, refuseCounted, answerCounted, counted, fail } = refusals
  const verify = createVerification({ publicUrl, now, tally, log })
  const accept = createAcceptance({ ...deps, refusals, again: handle })

  function handle(exchange: Exchange, url: string): void {
    const { req } = exchange
    const target = parseTarget(url)
    const route = table.find(target.token)
    if (route === undefined || (target.rest !== '' && (route.exact || target.exact))) {
      refuse(exchange, 'NotFound')
      return
    }
    const call: RoutedCall = { exchange, url, route, target, clientIP: clientAddress(req) }
    const refusal = refusalByHead(route, exchange)
    // One that is as good as unknown must not be told apart by its headers.
    if (refusal !== 'NotFound') {
      exchange.headers = route.policy
      const { cors } = route
      if (isPreflight(req)) {
        // Without `cors` it permits nothing. It is the browser's own question, which must not start what the
        // page may not.
        refuse(exchange, 'Preflight', route, cors && preflightHeaders(cors, req))
        return
      }
      if (cors !== undefined) {
        exchange.headers = [...route.policy, ...corsHeaders(cors, req)]
        exchange.cors = true
      }
    }
    if (refusal !== undefined) {
      refuse(exchange, refusal, route)
      return
    }
    if (!hasCredentials(route, req, target)) {
      void refuseCounted(call, 'Unauthorized')
      return
    }
    if (exchange.upgrade !== undefined && !originPasses(route.webSocket, req)) {
      void refuseCounted(call, 'OriginNotAllowed')
      return
    }
    if (!hasBody(req)) {
      complete(call, EMPTY_BODY)
      return
    }
    // The only expectation that gets here is 100-continue; HTTP/1.0 has no interim answers.
    if (req.headers.expect !== undefined && req.httpVersion !== '1.0') exchange.res.writeContinue()
    readBody(req, { limit: route.payloadBytes, held }, (outcome) => received(call, outcome))
  }

  function received(call: RoutedCall, outcome: BodyOutcome): void {
    switch (outcome.kind) {
      case 'complete':
        complete(call, outcome.body)
        return
      case 'too-large':
        void refuseCounted(call, 'PayloadTooLarge')
        return
      case 'crowded-out':
        // Nor is there room for what would come behind it.
        call.exchange.last = true
        refuse(call.exchange, 'Overloaded', call.route)
        return
      case 'gone':
        // Nobody is left to answer, and nothing has been taken.
        log.debug({ reason: 'Gone', ...fieldsOf(call) }, 'Caller left before it could be answered')
    }
  }

  /** The request is here whole. Without a verification, nothing stands between it and the state. */
  function complete(call: RoutedCall, body: Buffer): void {
    // The caller has left, and would not learn that this call ran.
    if (!call.exchange.req.socket.writable) {
      received(call, { kind: 'gone' })
      return
    }
    const { verification } = call.route
    if (verification === undefined) void accept(call, body)
    else checkSender(call, verification, body)
  }

  function checkSender(call: RoutedCall, verification: PreparedVerification, body: Buffer): void {
    if (verification.isCostly !== true) {
      void verifyThenGoOn(call, verification, body)
      return
    }
    const throttle = throttleOf(call.route, call.clientIP)
    const entry = gate.enter(throttle)
    if (entry === 'verify') void verifyThenGoOn(call, verification, body).finally(() => gate.leave(throttle))
    else if (entry === 'count')
      void counted(call, () => void verifyThenGoOn({ ...call, isCounted: true }, verification, body))
    else refuseThrottled(call, entry.waitMs)
  }

  /** Resolves when the throttle has counted the call. Never rejects. */
  function verifyThenGoOn(call: RoutedCall, verification: PreparedVerification, body: Buffer): Promise<void> {
    try {
      const verified = verify(call, verification, body)
      if (!(verified instanceof Promise)) return goOn(call, body, verified)
      return verified.then((is) => goOn(call, body, is)).catch((error: unknown) => fail(call, error))
    } catch (error) {
      fail(call, error)
      return Promise.resolve()
    }
  }

  function goOn(call: RoutedCall, body: Buffer, verified: Verified): Promise<void> {
    return verified.kind === 'pass'
      ? accept(call, body, verified)
      : answerCounted(call, verified.answer, verified.headers)
  }

  return handle
}

export type CallHandler = ReturnType<typeof createCallHandler>
