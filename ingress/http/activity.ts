import { Histogram } from 'prom-client'
import { CALL_SECONDS, createCounts } from '../../process/counts.ts'
import type { Counts } from '../../process/counts.ts'
import type { CallEvent } from '../../state/event.ts'
import type { AnswerCode } from '../answers.ts'
import { answers as table } from '../answers.ts'
import type { EndReason } from '../websocket/ends.ts'
import { END_REASONS } from '../websocket/ends.ts'
import type { Exchange } from './exchange.ts'

/**
 * What callers did, and what became of it, since the start. None of its numbers is a webhook's own: there may
 * be any number of these.
 */
export interface Activity {
  /** Calls that are not answered yet. WebSockets are counted elsewhere. */
  readonly inFlight: number
  /** Calls by the status of their answer. Those whose caller left before it are in none. */
  readonly answers: ReadonlyMap<number, number>
  /**
   * How long those calls took, from their head to the last byte of the answer, in seconds, by whether the
   * answer was known at once, or was a run's to give.
   */
  readonly durations: Histogram<'answer'>
  /**
   * Answers of the table that say that nothing ran, or that its reply did not come. Handshakes of WebSockets
   * and requests that are no calls are among them.
   */
  readonly refusals: Counts<AnswerCode>
  /** Events that the state has taken. */
  readonly events: Counts<CallEvent['type']>
  /** WebSockets that are over, by who ended them and why. */
  readonly ends: Counts<EndReason>
  /** Connections that were closed unheard, because there were too many. */
  dropped: number
  /** The call is under way from now on. */
  begin(exchange: Exchange): void
  /** Counts the call that is over, if it was begun. */
  end(exchange: Exchange): void
}

/** Answers of the table that refuse nothing. */
const NO_REFUSALS: ReadonlySet<string> = new Set<AnswerCode>(['Preflight', 'Repeated'])
const REFUSING = (Object.keys(table) as AnswerCode[]).filter((code) => !NO_REFUSALS.has(code))
/** What may be answered without a workflow that has a status of its own: told from the start. */
const STATUSES = new Set([200, ...Object.values(table).map(({ status }) => status)])

/** `now` in milliseconds. */
export function createActivity(now: () => number): Activity {
  let inFlight = 0
  const answers = new Map([...STATUSES].toSorted((a, b) => a - b).map((status) => [status, 0]))
  const durations = new Histogram({
    name: 'hooklet_ingress_call_duration_seconds',
    help: 'How long answered calls took, by whether they waited for a run.',
    labelNames: ['answer'],
    buckets: [...CALL_SECONDS],
    registers: [],
  })
  for (const answer of ['immediate', 'waiting']) durations.zero({ answer })
  const immediate = durations.labels('immediate')
  const waiting = durations.labels('waiting')

  return {
    get inFlight() {
      return inFlight
    },
    answers,
    durations,
    refusals: createCounts(REFUSING),
    events: createCounts(['http', 'connect', 'message', 'disconnect']),
    ends: createCounts(END_REASONS),
    dropped: 0,
    begin(exchange) {
      inFlight += 1
      exchange.begun = now()
    },
    end({ res, begun, waiting: waited }) {
      if (begun === undefined) return
      inFlight -= 1
      if (!res.headersSent) return
      answers.set(res.statusCode, (answers.get(res.statusCode) ?? 0) + 1)
      const spread = waited ? waiting : immediate
      spread.observe((now() - begun) / 1000)
    },
  }
}
