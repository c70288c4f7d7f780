import type { IngressState, Lease, ReplyMessage, Verdict } from '../../state/state.ts'
import type { AnswerCode } from '../answers.ts'
import { createInFlight } from '../../state/in-flight.ts'
import { ShortLivedMap } from '../../state/short-lived-map.ts'
import type { Deadline, Deadlines } from '../../state/deadlines.ts'
import type { Log } from '../../process/log.ts'
import type { ServedRoute } from '../routes/served.ts'
import type { Exchange, Sender } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import type { Prepared } from '../routes/prepared.ts'
import { preparedAnswers } from '../routes/prepared.ts'
import { renderReply } from './reply.ts'
import { fieldsOf } from './routed-call.ts'

/** The callers who wait for the answer of a run. */
export interface WaitingCalls {
  /**
   * Lets the call wait while `act` asks the state to accept it, since its reply may be faster than the
   * verdict, and for its reply when it was accepted. Otherwise its answer is the caller's business; what a
   * failed act may have taken is given back.
   */
  admit(call: PendingCall, act: () => Promise<Verdict>): Promise<Verdict>
  /** Answers a call as another one was that said the same. */
  repeat(call: Pick<PendingCall, 'exchange' | 'route' | 'eventId'>, message: ReplyMessage): void
  /** Gives all of them this answer now. */
  answerAll(code: AnswerCode): void
  /** Resolves when everything that was to be given back has been. */
  settled(): Promise<void>
}

export interface PendingCall {
  exchange: Exchange
  route: ServedRoute
  replyId: string
  eventId: string
  lease: Lease
}

interface Waiting extends PendingCall {
  deadline: Deadline
  onClose: () => void
  onEnd: () => void
  verdict: 'pending' | 'accepted'
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
  const calls = new ShortLivedMap<Waiting>()
  const givingBack = createInFlight()

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

  function answer(call: Waiting, over: 'replied' | 'unreplied', prepared: Prepared): void {
    if (call.over !== 'no') return
    if (call.verdict === 'accepted' || over === 'replied') call.exchange.eventId = call.eventId
    stop(call, over)
    sender.send(call.exchange, prepared)
  }

  function expire(call: Waiting): void {
    const accepted = call.verdict === 'accepted'
    const reason: AnswerCode = accepted ? 'ReplyTimeout' : 'StateUnavailable'
    log.debug({ reason, ...fieldsOf(call) }, 'Call not answered in time')
    answer(call, 'unreplied', accepted ? call.route.timeoutAnswer : preparedAnswers.StateUnavailable)
  }

  function stop(call: Waiting, over: 'replied' | 'unreplied'): void {
    call.over = over
    deadlines.cancel(call.deadline)
    call.exchange.res.off('close', call.onClose)
    call.exchange.req.socket.off('end', call.onEnd)
    if (call.verdict === 'accepted') giveBack(call)
  }

  function giveBack(call: Waiting): void {
    calls.delete(call.replyId)
    givingBack.track(returnTaken(call))
  }

  async function returnTaken({ replyId, route: { partition }, lease, over }: Waiting): Promise<void> {
    try {
      const acts = [state.release(partition, lease)]
      // A reply that has arrived was the only one that the state let through; it is closed.
      if (over !== 'replied') acts.push(state.closeReply(partition, replyId))
      await Promise.all(acts)
    } catch (error) {
      log.error({ err: error }, 'Lease could not be given back')
    }
  }

  function hold(pending: PendingCall): Waiting {
    const call: Waiting = {
      ...pending,
      verdict: 'pending',
      over: 'no',
      deadline: deadlines.add(pending.route.timeoutMs, () => expire(call)),
      onClose: () => stop(call, 'unreplied'),
      onEnd: () => pending.exchange.req.socket.destroy(),
    }
    pending.exchange.res.on('close', call.onClose)
    // Who closes its side while it waits has given up, as far as can be known: its place is another's now.
    pending.exchange.req.socket.on('end', call.onEnd)
    calls.set(pending.replyId, call)
    pending.exchange.waiting = true
    return call
  }

  return {
    async admit(pending, act) {
      const call = hold(pending)
      try {
        const verdict = await act()
        if (verdict.kind === 'accepted') {
          call.verdict = 'accepted'
          if (call.over !== 'no') giveBack(call)
        } else {
          calls.delete(call.replyId)
          pending.exchange.waiting = false
          if (call.over === 'no') stop(call, 'unreplied')
        }
        return verdict
      } catch (error) {
        pending.exchange.waiting = false
        if (call.over === 'no') stop(call, 'unreplied')
        giveBack(call)
        throw error
      }
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
