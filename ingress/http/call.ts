import type { IncomingMessage } from 'node:http'
import type { CallEvent } from '../../state/event.ts'
import type { Admission, IngressState, Lease, Verdict } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { readTrace } from '../../state/trace-context.ts'
import type { AnswerCode } from '../answers.ts'
import type { Log } from '../../process/log.ts'
import type { ServedRoute } from '../routes/served.ts'
import { exhausted, throttleOf } from '../routes/served.ts'
import type { RouteTable } from '../routes/table.ts'
import { queryParameter, withoutParameter } from '../verify/query.ts'
import type { Tally } from '../verify/tally.ts'
import type { PreparedVerification } from '../verify/verifier.ts'
import type { BodyOutcome } from './body.ts'
import { declaredLength, emptyBody, hasBody, readBody } from './body.ts'
import type { ClientAddress } from './client-address.ts'
import { corsHeaders, isPreflight, preflightHeaders } from './cors.ts'
import { credentialsPass } from './credentials.ts'
import type { Exchange, Sender, Upgrade } from './exchange.ts'
import type { Prepared } from './prepared.ts'
import { preparedAnswers } from './prepared.ts'
import { onceOf } from './once.ts'
import type { Target } from './target.ts'
import { parseTarget } from './target.ts'
import { handshakeFault, originPasses, protocolVersion } from '../websocket/handshake.ts'
import type { Sockets } from '../websocket/sockets.ts'
import type { Verified } from './verification.ts'
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
  clientAddress: ClientAddress
  /** Milliseconds since 1970. */
  now: () => number
  /** ISO 8601 of a time. */
  isoTime: (ms: number) => string
  /** A UUIDv7. */
  newId: () => string
  log: Log
}

/** A call whose route is known. */
interface Call {
  exchange: Exchange
  /** The target as received, in origin form. */
  url: string
  route: ServedRoute
  target: Target
  clientIP: string
}

type EventRequest = Omit<CallEvent, 'id' | 'time' | 'type' | 'body' | 'socket' | 'reply'>

/** How much longer than its caller an open reply lives when the pod dies in between. */
const replyGraceMs = 5_000

/**
 * The way of a call to a webhook, be it the handshake of a WebSocket: route, suspend, declared length, throttle, credentials, body, verification, lease, append, answer. Throttle, lease and
 * append are one act of the state, after the body; a call refused for its credentials, its body or its signature is throttled by an act of its own, so
 * that to the caller the throttle comes first.
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
    clientAddress,
    now,
    isoTime,
    newId,
    log,
  } = deps

  const verify = createVerification({ publicUrl, now, tally, log })

  function handle(exchange: Exchange, url: string): void {
    const { req } = exchange
    const target = parseTarget(url)
    const route = table.find(target.token)
    if (route === undefined || (target.rest !== '' && (route.exact || target.exact))) {
      refuse(exchange, 'NotFound')
      return
    }
    const call: Call = { exchange, url, route, target, clientIP: clientAddress(req) }
    const refusal = refusalByHead(route, exchange)
    // One that is as good as unknown must not be told apart by its headers.
    if (refusal !== 'NotFound') {
      exchange.headers = route.policy
      const { cors } = route
      if (cors !== undefined && isPreflight(req)) {
        refuse(exchange, 'Preflight', route, preflightHeaders(cors, req))
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
      complete(call, emptyBody)
      return
    }
    // The only expectation that gets here is 100-continue; HTTP/1.0 has no interim answers.
    if (req.headers.expect !== undefined && req.httpVersion !== '1.0') exchange.res.writeContinue()
    readBody(req, route.payloadBytes, (outcome) => received(call, outcome))
  }

  function received(call: Call, outcome: BodyOutcome): void {
    switch (outcome.kind) {
      case 'complete':
        complete(call, outcome.body)
        return
      case 'too-large':
        void refuseCounted(call, 'PayloadTooLarge')
        return
      case 'gone':
        // Nobody is left to answer, and nothing has been taken.
        log.debug({ reason: 'Gone', ...fieldsOf(call) }, 'caller left before it could be answered')
    }
  }

  /** The request is here whole. Without a verification, nothing stands between it and the state. */
  function complete(call: Call, body: Buffer): void {
    // The caller has left, and would not learn that this call ran.
    if (!call.exchange.req.socket.writable) {
      received(call, { kind: 'gone' })
      return
    }
    const { verification } = call.route
    if (verification === undefined) void admit(call, body)
    else checkSender(call, verification, body)
  }

  function checkSender(call: Call, verification: PreparedVerification, body: Buffer): void {
    try {
      const verified = verify(call, verification, body)
      if (!(verified instanceof Promise)) {
        void goOn(call, body, verified)
        return
      }
      verified.then((is) => goOn(call, body, is)).catch((error: unknown) => fail(call, error))
    } catch (error) {
      fail(call, error)
    }
  }

  function goOn(call: Call, body: Buffer, verified: Verified): Promise<void> {
    return verified.kind === 'pass'
      ? admit(call, body, verified.deliveryId)
      : answerCounted(call, verified.answer, verified.headers)
  }

  /** Answers a call that the throttle counts although nothing of it is stored. */
  async function answerCounted(call: Call, answer: Prepared, extra?: readonly string[]): Promise<void> {
    await counted(call, () => sender.send(call.exchange, answer, extra))
  }

  /** Answers when the throttle has counted the call and lets it pass. */
  async function counted(call: Call, answer: () => void): Promise<void> {
    const { route, clientIP } = call
    try {
      const verdict = await state.admit({ partition: route.partition, throttle: throttleOf(route, clientIP) })
      if (verdict.kind === 'accepted') answer()
      else refuseBy(verdict, call)
    } catch (error) {
      fail(call, error)
    }
  }

  /** Throttle, lease and append in one act, then the answer, or the waiting for it. */
  async function admit(call: Call, body: Buffer, deliveryId?: string): Promise<void> {
    const { exchange, route, target, clientIP } = call
    if (exchange.upgrade !== undefined) {
      await openSocket(call, exchange.upgrade)
      return
    }
    const once = route.once && onceOf({ req: exchange.req, route, target, body, deliveryId })
    if (once === 'invalid') {
      await refuseCounted(call, 'IdempotencyKeyInvalid')
      return
    }
    try {
      const event = eventOf(call, body)
      const throttle = throttleOf(route, clientIP)
      const admission = { partition: route.partition, throttle, event, ...(once ? { once } : {}) }
      const verdict =
        event.reply === undefined
          ? await state.admit(admission)
          : await admitWaiting(call, { ...admission, lease: { ...route.places, id: event.reply.id } })
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

  async function admitWaiting(
    { exchange, route }: Call,
    admission: Admission & { lease: Lease; event: CallEvent },
  ): Promise<Verdict> {
    const { lease, event } = admission
    waiting.hold({ exchange, route, replyId: lease.id, eventId: event.id, lease })
    try {
      const verdict = await state.admit({ ...admission, replyTtlMs: route.timeoutMs + replyGraceMs })
      if (verdict.kind === 'accepted') waiting.admitted(lease.id)
      else waiting.drop(lease.id)
      return verdict
    } catch (error) {
      waiting.doubt(lease.id)
      throw error
    }
  }

  async function openSocket(call: Call, { stream, head, release }: Upgrade): Promise<void> {
    const { exchange, url, route, target, clientIP } = call
    if (table.find(target.token) !== route) {
      // The webhook was changed or removed while the token was verified. What is opened now would outlive that.
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
      })
      if (verdict.kind === 'closing') refuse(exchange, 'ShuttingDown', route)
      else if (verdict.kind !== 'accepted') refuseBy(verdict, call)
    } catch (error) {
      fail(call, error)
    }
  }

  function eventOf(call: Call, body: Buffer): CallEvent {
    const { route } = call
    const id = newId()
    const event: CallEvent = { id, time: isoTime(now()), type: 'http', ...requestOf(call), body }
    // A reply's id names its partition, so that whoever replies can find it with nothing but the id.
    if (route.mode !== 'Immediate') event.reply = { id: `${route.partition}.${id}`, mode: route.mode }
    return event
  }

  /** Refuses a call that the throttle counts although it goes no further. */
  async function refuseCounted(
    call: Call,
    code: 'Unauthorized' | 'PayloadTooLarge' | 'IdempotencyKeyInvalid' | 'OriginNotAllowed',
  ): Promise<void> {
    const { exchange, route } = call
    const challenges = code === 'Unauthorized' ? route.credentials?.challenges : undefined
    await counted(call, () => refuse(exchange, code, route, challenges))
  }

  function refuseBy(verdict: Exclude<Verdict, { kind: 'accepted' }>, { exchange, route }: Call): void {
    switch (verdict.kind) {
      case 'throttled': {
        const seconds = Math.max(1, Math.ceil(verdict.retryAfterMs / 1000))
        refuse(exchange, 'Throttled', route, ['Retry-After', String(seconds), ...exhausted(route, seconds)])
        return
      }
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
    log.debug({ eventId, requestId: exchange.requestId, webhook: route.webhook }, 'call repeats another')
    if (message !== undefined) {
      waiting.repeat({ exchange, route, eventId }, message)
      return
    }
    // A caller with a key of its own comes back for the answer; to a provider anything but a 2xx is a failed delivery.
    if (route.mode !== 'Immediate' && route.once?.sameRequest === true) {
      refuse(exchange, 'StillRunning', route)
      return
    }
    exchange.eventId = eventId
    sender.send(exchange, route.mode === 'Immediate' ? route.answer : preparedAnswers.Repeated)
  }

  function fail(call: Call, error: unknown): void {
    if (error instanceof StateUnavailable) {
      refuse(call.exchange, 'StateUnavailable', call.route)
    } else {
      log.error({ err: error, ...fieldsOf(call) }, 'call failed')
      sender.send(call.exchange, preparedAnswers.Internal)
    }
  }

  function refuse(
    exchange: Exchange,
    reason: AnswerCode,
    route?: ServedRoute,
    extra?: readonly string[],
  ): void {
    const fields = { reason, requestId: exchange.requestId }
    log.debug(route === undefined ? fields : { ...fields, webhook: route.webhook }, 'call refused')
    sender.send(exchange, preparedAnswers[reason], extra ?? ownHeaders[reason])
  }

  return handle
}

/** What these answers have to say (RFC 9110, 15.5.22; RFC 6455, 4.2.2). */
const ownHeaders: Partial<Record<AnswerCode, readonly string[]>> = {
  UpgradeRequired: ['Upgrade', 'websocket', 'Connection', 'Upgrade'],
  UnsupportedVersion: ['Sec-WebSocket-Version', protocolVersion],
}

export type CallHandler = ReturnType<typeof createCallHandler>

/** What ends a call before anything of its body is read or counted; undefined: it goes on. */
function refusalByHead(route: ServedRoute, { req, upgrade }: Exchange): AnswerCode | undefined {
  if (route.state === 'Unavailable') return 'RouteUnavailable'
  if (route.type === 'WebSocket') {
    if (route.state === 'Suspended') return 'NotFound'
    if (upgrade === undefined) return 'UpgradeRequired'
    return handshakeFault(req) ?? (route.state === 'Active' ? undefined : route.state)
  }
  if (route.state !== 'Active') return route.state
  if (upgrade !== undefined) return 'HTTPRequired'
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return 'UnsupportedEncoding'
  if (declaredLength(req) > route.payloadBytes) return 'PayloadTooLarge'
  return undefined
}

/** Credentials that the route asks for, unless its protocol has handshakes that show none. */
function hasCredentials(
  { credentials, verification }: ServedRoute,
  req: IncomingMessage,
  target: Target,
): boolean {
  if (credentials === undefined || verification?.needsCredentials?.(req.method ?? 'GET') === false)
    return true
  const { authorization } = req.headers
  const parameter = verification?.bearerParameter
  if (authorization !== undefined || parameter === undefined)
    return credentialsPass(credentials, authorization)
  return credentialsPass(credentials, `Bearer ${queryParameter(target.query, parameter) ?? ''}`)
}

function eventQuery({ verification }: ServedRoute, { query }: Target): string {
  const parameter = verification?.bearerParameter
  return parameter === undefined ? query : withoutParameter(query, parameter)
}

/** What an event says of the request. */
function requestOf({ exchange: { req }, route, target, clientIP }: Call): EventRequest {
  return {
    webhook: route.webhook,
    method: (req.method ?? 'GET').toLowerCase(),
    path: target.rest === '' ? '/' : target.rest,
    query: eventQuery(route, target),
    headers: eventHeaders(req),
    clientIP,
    merged: route.merged,
  }
}

/** Credentials and cookies stay at the door; repeated headers are joined already. */
const withheld = new Set(['cookie', 'authorization', 'proxy-authorization'])

function eventHeaders(req: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(req.headers)) {
    if (value === undefined || withheld.has(name)) continue
    headers[name] = typeof value === 'string' ? value : value.join(', ')
  }
  // What names no trace must not be passed on as one.
  if ('traceparent' in headers && readTrace(headers) === undefined) {
    delete headers['traceparent']
    delete headers['tracestate']
  }
  return headers
}

function fieldsOf({ exchange, route }: Call) {
  return { requestId: exchange.requestId, webhook: route.webhook }
}
