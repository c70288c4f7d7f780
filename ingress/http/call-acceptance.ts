/** The end of a call's way that has nothing against it: lease, append, and the answer or the waiting for it. */
import type { CallEvent } from '../../state/event.ts'
import { replyIdOf } from '../../state/reply-id.ts'
import type { Admission, IngressState, Lease } from '../../state/state.ts'
import { throttleOf } from '../routes/served.ts'
import type { RouteTable } from '../routes/table.ts'
import type { Sockets } from '../websocket/sockets.ts'
import type { Activity } from './activity.ts'
import { requestOf } from './call-event.ts'
import type { Refusals } from './call-refusals.ts'
import type { Exchange, Sender, Upgrade } from './exchange.ts'
import { onceOf } from './once.ts'
import type { RoutedCall } from './routed-call.ts'
import type { Passed } from './verification.ts'
import type { WaitingCalls } from './waiting.ts'

export interface AcceptanceDeps {
  state: IngressState
  table: RouteTable
  waiting: WaitingCalls
  sockets: Sockets
  sender: Sender
  refusals: Refusals
  activity: Pick<Activity, 'events'>
  /** Milliseconds since 1970. */
  now: () => number
  /** ISO 8601 of a time. */
  isoTime: (ms: number) => string
  /** A UUIDv7. */
  newId: () => string
  /** Handles a call from the beginning: its webhook was changed while it was on its way. */
  again: (exchange: Exchange, url: string) => void
}

type Accepting = Admission & { event: CallEvent }

/** How much longer than its caller an open reply lives when the pod dies in between. */
const REPLY_GRACE_MS = 5_000

/**
 * Accepts a call, or refuses it by what the state says: throttle, lease and append in one act. Never rejects.
 */
export type Accept = (call: RoutedCall, body: Buffer, passed?: Passed) => Promise<void>

export function createAcceptance(deps: AcceptanceDeps): Accept {
  const { state, table, waiting, sockets, sender, activity, now, isoTime, newId, again } = deps
  const { refuse, refuseBy, refuseCounted, fail } = deps.refusals

  function acceptCall(call: RoutedCall, body: Buffer, passed?: Passed): Promise<void> {
    const { exchange, route, target, clientIP } = call
    try {
      const once = route.once && onceOf({ req: exchange.req, route, target, body, ...passed })
      if (once === 'invalid') return refuseCounted(call, 'IdempotencyKeyInvalid')
      const event = eventOf(call, body)
      const admission: Accepting = { partition: route.partition, event }
      if (!call.isCounted) admission.throttle = throttleOf(route, clientIP)
      if (once !== undefined) admission.once = once
      if (event.reply === undefined) return acceptAtOnce(call, admission)
      return acceptWaiting(call, admission, { ...route.places, id: event.reply.id })
    } catch (error) {
      fail(call, error)
      return Promise.resolve()
    }
  }

  async function acceptAtOnce(call: RoutedCall, admission: Accepting): Promise<void> {
    const { exchange, route } = call
    try {
      const verdict = await state.admit(admission)
      if (verdict.kind !== 'accepted') {
        refuseBy(verdict, call)
        return
      }
      activity.events.add('http')
      exchange.eventId = admission.event.id
      sender.send(exchange, route.answer)
    } catch (error) {
      fail(call, error)
    }
  }

  async function acceptWaiting(call: RoutedCall, admission: Accepting, lease: Lease): Promise<void> {
    const { exchange, route } = call
    admission.lease = lease
    admission.replyTtlMs = route.timeoutMs + REPLY_GRACE_MS
    const held = waiting.hold({ exchange, route, eventId: admission.event.id, lease })
    try {
      const verdict = await state.admit(admission)
      if (verdict.kind === 'accepted') {
        waiting.keep(held)
        activity.events.add('http')
      } else {
        waiting.drop(held)
        refuseBy(verdict, call)
      }
    } catch (error) {
      waiting.giveUp(held)
      fail(call, error)
    }
  }

  async function openSocket(call: RoutedCall, { stream, head, release }: Upgrade): Promise<void> {
    const { exchange, url, route, target, clientIP } = call
    if (table.find(target.token) !== route) {
      // The webhook was changed or removed while the token was verified. What is opened now would outlive
      // that.
      again(exchange, url)
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
    const event: CallEvent = { ...requestOf(call), id, time: isoTime(now()), type: 'http', body }
    if (route.mode !== 'Immediate') event.reply = { id: replyIdOf(route.partition, id), mode: route.mode }
    return event
  }

  return (call, body, passed) => {
    const { upgrade } = call.exchange
    return upgrade === undefined ? acceptCall(call, body, passed) : openSocket(call, upgrade)
  }
}
