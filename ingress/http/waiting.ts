import type { IngressState, Lease, ReplyMessage } from '../../state/state.ts'
import type { AnswerCode } from '../answers.ts'
import { createInFlight } from '../../state/in-flight.ts'
import { ShortLivedMap } from '../../state/short-lived-map.ts'
import type { Deadline, Deadlines } from '../../state/deadlines.ts'
import type { Log } from '../../process/log.ts'
import type { ServedRoute } from '../routes/served.ts'
import type { Exchange, Sender, Waiter } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import type { Prepared } from '../routes/prepared.ts'
import { preparedAnswers } from '../routes/prepared.ts'
import { renderReply } from './reply.ts'
import { fieldsOf } from './routed-call.ts'

/** The callers who wait for the answer of a run. */
export interface WaitingCalls {
  /**
   * Lets the call wait while the state is asked to accept it, since its reply may be faster than the verdict.
   * One of the three that follow must be called.
   */
  hold(call: PendingCall): WaitingCall
  /** It was accepted, and waits for its reply. */
  keep(call: WaitingCall): void
  /** It was refused: its answer is the caller's business. */
  drop(call: WaitingCall): void
  /**
   * It is not known whether it was accepted: as if refused, and what may have been taken is given back. Without
   * effect when it is known.
   */
  giveUp(call: WaitingCall): void
  /** Answers a call as another one was that said the same. */
  repeat(call: Pick<PendingCall, 'exchange' | 'route' | 'eventId'>, message: ReplyMessage): void
  /** Gives all of them this answer now. */
  answerAll(code: AnswerCode): void
  /** Resolves when everything that was to be given back has been. */
  settled(): Promise<void>
}

interface PendingCall {
  exchange: Exchange
  route: ServedRoute
  eventId: string
  /** Its holder is the reply's id. */
  lease: Lease
}

export interface WaitingCall extends Readonly<PendingCall>, Waiter {
  deadline: Deadline
  verdict: 'pending' | 'accepted' | 'refused'
  /**
   * Set when the waiting is over. Before the verdict nothing is given back, or the place could be taken after
   * it was released.
   */
  over: 'no' | 'replied' | 'unreplied'
}

export interface WaitingDeps {
  state: IngressState
  deadlines: Deadlines
  sender: Sender
  limits: HttpLimits
  log: Log
}

export function createWaitingCalls({ state, deadlines, sender, limits, log }: WaitingDeps): WaitingCalls {
  const calls = new ShortLivedMap<WaitingCall>()
  const givingBack = createInFlight((error) => log.error({ err: error }, 'Lease could not be given back'))

  state.onReply((replyId, message) => {
    const call = calls.get(replyId)
    if (call !== undefined) answer(call, 'replied', render(message, call))
  })

  function render(
    message: ReplyMessage,
    { route, exchange }: Pick<PendingCall, 'exchange' | 'route'>,
  ): Prepared {
    try {
      return renderReply(message, route, limits)
    } catch (error) {
      log.error({ err: error, ...fieldsOf({ exchange, route }) }, 'Reply could not be rendered')
      return preparedAnswers.Internal
    }
  }

  function answer(call: WaitingCall, over: 'replied' | 'unreplied', prepared: Prepared): void {
    if (call.over !== 'no') return
    if (call.verdict === 'accepted' || over === 'replied') call.exchange.eventId = call.eventId
    stop(call, over)
    sender.send(call.exchange, prepared)
  }

  function expire(call: WaitingCall): void {
    const accepted = call.verdict === 'accepted'
    const reason: AnswerCode = accepted ? 'ReplyTimeout' : 'StateUnavailable'
    log.debug({ reason, ...fieldsOf(call) }, 'Call not answered in time')
    answer(call, 'unreplied', accepted ? call.route.timeoutAnswer : preparedAnswers.StateUnavailable)
  }

  function stop(call: WaitingCall, over: 'replied' | 'unreplied'): void {
    call.over = over
    deadlines.cancel(call.deadline)
    call.exchange.waiter = undefined
    call.exchange.caller.waiting -= 1
    if (call.verdict === 'accepted') giveBack(call)
  }

  /** One function for all: with a closure for each, young collections take three times as long. */
  function leave(this: WaitingCall): void {
    stop(this, 'unreplied')
  }

  function giveBack({ lease, route: { partition }, over }: WaitingCall): void {
    calls.delete(lease.id)
    givingBack.track(state.release(partition, lease))
    // A reply that has arrived was the only one that the state let through; it is closed.
    if (over !== 'replied') givingBack.track(state.closeReply(partition, lease.id))
  }

  function refuse(call: WaitingCall): void {
    call.verdict = 'refused'
    call.exchange.waiting = false
    if (call.over === 'no') stop(call, 'unreplied')
  }

  return {
    hold({ exchange, route, eventId, lease }) {
      const call: WaitingCall = {
        exchange,
        route,
        eventId,
        lease,
        deadline: deadlines.add(route.timeoutMs, () => expire(call)),
        verdict: 'pending',
        over: 'no',
        leave,
      }
      exchange.waiting = true
      exchange.waiter = call
      exchange.caller.waiting += 1
      calls.set(lease.id, call)
      return call
    },

    keep(call) {
      call.verdict = 'accepted'
      if (call.over !== 'no') giveBack(call)
    },

    drop(call) {
      calls.delete(call.lease.id)
      refuse(call)
    },

    giveUp(call) {
      if (call.verdict !== 'pending') return
      refuse(call)
      giveBack(call)
    },

    repeat(call, message) {
      call.exchange.eventId = call.eventId
      sender.send(call.exchange, render(message, call))
    },

    answerAll(code) {
      for (const [, call] of calls.entries()) answer(call, 'unreplied', preparedAnswers[code])
    },

    settled: () => givingBack.settled(),
  }
}
