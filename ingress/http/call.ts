import type { CallEvent } from '../../state/event.ts'
import { replyIdOf } from '../../state/reply-id.ts'
import type { Admission, IngressState, Lease, Verdict } from '../../state/state.ts'
import type { Log } from '../../process/log.ts'
import { throttleOf } from '../routes/served.ts'
import type { HeldBytes } from '../held-bytes.ts'
import type { RouteTable } from '../routes/table.ts'
import type { Tally } from '../verify/tally.ts'
import type { PreparedVerification } from '../verify/verifier.ts'
import { originPasses } from '../websocket/handshake.ts'
import type { Sockets } from '../websocket/sockets.ts'
import type { BodyOutcome } from './body.ts'
import { EMPTY_BODY, hasBody, readBody } from './body.ts'
import { requestOf } from './call-event.ts'
import { hasCredentials, refusalByHead } from './call-head.ts'
import type { Activity } from './activity.ts'
import { createRefusals } from './call-refusals.ts'
import type { ClientAddress } from './client-address.ts'
import { corsHeaders, isPreflight, preflightHeaders } from '../routes/cors.ts'
import type { Exchange, Sender, Upgrade } from './exchange.ts'
import { onceOf } from './once.ts'
import { createRateGate } from './rate-gate.ts'
import type { RoutedCall } from './routed-call.ts'
import { fieldsOf } from './routed-call.ts'
import { parseTarget } from './target.ts'
import type { Passed, Verified } from './verification.ts'
import { createVerification } from './verification.ts'
import type { WaitingCalls } from './waiting.ts'

export interface CallDeps {
  state: IngressState
  table: RouteTable
  waiting: WaitingCalls
  sockets: Sockets
  sender: Sender
  /** What callers see in front of `/webhooks/…`, undefined: not configured. */
  publicUrl: () => string | undefined
  tally: Tally
  activity: Pick<Activity, 'events'>
  clientAddress: ClientAddress
  /** What unfinished bodies take. */
  held: HeldBytes
  /** Milliseconds since 1970. */
  now: () => number
  /** ISO 8601 of a time. */
  isoTime: (ms: number) => string
  /** A UUIDv7. */
  newId: () => string
  log: Log
}

/** How much longer than its caller an open reply lives when the pod dies in between. */
const REPLY_GRACE_MS = 5_000

/**
 * The way of a call to a webhook, be it the handshake of a WebSocket: route, suspend, declared length,
 * throttle, credentials, body, verification, lease, append, answer. Throttle, lease and append are one act of
 * the state, after the body; a call refused for its credentials, its body or its signature is throttled by an
 * act of its own, so that to the caller the throttle comes first.
 *
 * Nothing is awaited before the body's listeners are set, and a call that is accepted costs one round trip.
 */
export function createCallHandler(deps: CallDeps) {
  const {
    state,
    table,
    waiting,
    sockets,
    sender,
    publicUrl,
    tally,
    activity,
    clientAddress,
    held,
    now,
    isoTime,
    newId,
    log,
  } = deps

  const gate = createRateGate(now)
  const { refuse, refuseBy, refuseThrottled, refuseCounted, answerCounted, counted, fail } = createRefusals({
    state,
    waiting,
    sender,
    gate,
    log,
  })
  const verify = createVerification({ publicUrl, now, tally, log })

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
    if (verification === undefined) void admit(call, body)
    else checkSender(call, verification, body)
  }

  function checkSender(call: RoutedCall, verification: PreparedVerification, body: Buffer): void {
    if (verification.isCostly !== true) {
      void goOnVerified(call, verification, body)
      return
    }
    const throttle = throttleOf(call.route, call.clientIP)
    const entry = gate.enter(throttle)
    if (entry === 'verify') void goOnVerified(call, verification, body).finally(() => gate.leave(throttle))
    else if (entry === 'count')
      void counted(call, () => void goOnVerified({ ...call, isCounted: true }, verification, body))
    else refuseThrottled(call, entry.waitMs)
  }

  /** Resolves when the throttle has counted the call. Never rejects. */
  function goOnVerified(call: RoutedCall, verification: PreparedVerification, body: Buffer): Promise<void> {
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
      ? admit(call, body, verified)
      : answerCounted(call, verified.answer, verified.headers)
  }

  /** Throttle, lease and append in one act, then the answer, or the waiting for it. */
  async function admit(call: RoutedCall, body: Buffer, passed: Passed = {}): Promise<void> {
    const { exchange, route, target, clientIP } = call
    if (exchange.upgrade !== undefined) {
      await openSocket(call, exchange.upgrade)
      return
    }
    const once = route.once && onceOf({ req: exchange.req, route, target, body, ...passed })
    if (once === 'invalid') {
      await refuseCounted(call, 'IdempotencyKeyInvalid')
      return
    }
    try {
      const event = eventOf(call, body)
      const throttle = call.isCounted ? {} : { throttle: throttleOf(route, clientIP) }
      const admission = { partition: route.partition, ...throttle, event, ...(once ? { once } : {}) }
      const verdict =
        event.reply === undefined
          ? await state.admit(admission)
          : await admitWaiting(call, { ...admission, lease: { ...route.places, id: event.reply.id } })
      if (verdict.kind === 'accepted') activity.events.add('http')
      if (verdict.kind !== 'accepted') {
        refuseBy(verdict, call)
      } else if (event.reply === undefined) {
        exchange.eventId = event.id
        sender.send(exchange, route.answer)
      }
    } catch (error) {
      fail(call, error)
    }
  }

  function admitWaiting(
    { exchange, route }: RoutedCall,
    admission: Admission & { lease: Lease; event: CallEvent },
  ): Promise<Verdict> {
    const { lease, event } = admission
    const pending = { exchange, route, replyId: lease.id, eventId: event.id, lease }
    return waiting.admit(pending, () =>
      state.admit({ ...admission, replyTtlMs: route.timeoutMs + REPLY_GRACE_MS }),
    )
  }

  async function openSocket(call: RoutedCall, { stream, head, release }: Upgrade): Promise<void> {
    const { exchange, url, route, target, clientIP } = call
    if (table.find(target.token) !== route) {
      // The webhook was changed or removed while the token was verified. What is opened now would outlive
      // that.
      handle(exchange, url)
      return
    }
    try {
      const verdict = await sockets.open({
        req: exchange.req,
        stream,
        head,
        route,
        clientIP,
        request: requestOf(call),
        headers: (eventId) => ['X-Request-Id', exchange.requestId, 'X-Hooklet-Event-Id', eventId],
        release,
        isCounted: call.isCounted === true,
      })
      if (verdict.kind === 'closing') refuse(exchange, 'ShuttingDown', route)
      else if (verdict.kind !== 'accepted') refuseBy(verdict, call)
    } catch (error) {
      fail(call, error)
    }
  }

  function eventOf(call: RoutedCall, body: Buffer): CallEvent {
    const { route } = call
    const id = newId()
    const event: CallEvent = { id, time: isoTime(now()), type: 'http', ...requestOf(call), body }
    if (route.mode !== 'Immediate') event.reply = { id: replyIdOf(route.partition, id), mode: route.mode }
    return event
  }

  return handle
}

export type CallHandler = ReturnType<typeof createCallHandler>
