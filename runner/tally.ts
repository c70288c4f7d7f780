import { Histogram } from 'prom-client'
import { createCounts } from '../process/counts.ts'
import type { Counts } from '../process/counts.ts'
import type { Clock } from '../state/clock.ts'
import type { ReplyOutcome, RunnerState, SendOutcome } from '../state/state.ts'
import type { RunOutcome } from './engine/engine.ts'

/**
 * What a runner did, since the start. None of its numbers is a Workflow's own: there may be any number of
 * these.
 */
export interface Tally {
  /** Runs by how far they were brought; one that sleeps often is parked often, and ends once. */
  readonly runs: Counts<RunOutcome['kind']>
  /** How long runs took that ended, from their beginning on, in seconds; what they waited for among it. */
  readonly durations: Histogram
  /** How long events were there before they were delivered the first time, in seconds. */
  readonly delays: Histogram
  /** Attempts of `try` after the first. */
  readonly retries: Counts<'retry'>
  readonly replies: Counts<ReplyOutcome>
  /** Messages to WebSockets. */
  readonly messages: Counts<SendOutcome>
  /** Events that this runner put aside. */
  readonly deadLetters: Counts<'event'>
}

/** In seconds: a run may do nothing but answer, or wait for days. */
const RUN_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400]
/** In seconds: an event is delivered at once, or waits until there are runners again. */
const DELAY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600]

export function createTally(): Tally {
  return {
    runs: createCounts(['completed', 'failed', 'parked', 'fenced']),
    durations: new Histogram({
      name: 'hooklet_runner_run_duration_seconds',
      help: 'How long runs took that completed or failed, from their beginning on, pauses included.',
      buckets: RUN_SECONDS,
      registers: [],
    }),
    delays: new Histogram({
      name: 'hooklet_runner_event_delay_seconds',
      help: 'How long events were stored before a runner began with them.',
      buckets: DELAY_SECONDS,
      registers: [],
    }),
    retries: createCounts(['retry']),
    replies: createCounts(['first', 'late', 'gone']),
    messages: createCounts(['sent', 'gone']),
    deadLetters: createCounts(['event']),
  }
}

/**
 * How long ago that was, in seconds; 0 when it is yet to come, for another pod's clock is ahead or this one
 * was set back, and when it is no time.
 */
export function secondsSince(time: number, clock: Pick<Clock, 'now'>): number {
  const ms = clock.now() - time
  return ms > 0 ? ms / 1000 : 0
}

/** The same state; what it says to replies and messages is counted. */
export function tallied(state: RunnerState, { replies, messages }: Tally): RunnerState {
  return {
    ...state,
    reply: (address, message) =>
      state.reply(address, message).then((outcome) => {
        replies.add(outcome)
        return outcome
      }),
    send: (address, message) =>
      state.send(address, message).then((outcome) => {
        messages.add(outcome)
        return outcome
      }),
  }
}
