import { createCounts, createHistogram } from '../process/counts.ts'
import type { Counts, Histogram } from '../process/counts.ts'
import type { ReplyOutcome, RunnerState, SendOutcome } from '../state/state.ts'
import type { Outcome } from './engine/engine.ts'

/**
 * What a runner did, since the start. None of its numbers is a Workflow's own: there may be any number of
 * these.
 */
export interface Tally {
  /** Runs by how far they were brought; one that sleeps often is parked often, and ends once. */
  readonly runs: Counts<Outcome['kind']>
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
    durations: createHistogram(RUN_SECONDS),
    delays: createHistogram(DELAY_SECONDS),
    retries: createCounts(['retry']),
    replies: createCounts(['first', 'late', 'gone']),
    messages: createCounts(['sent', 'gone']),
    deadLetters: createCounts(['event']),
  }
}

/** The same state; what it says to replies and messages is counted. */
export function tallied(state: RunnerState, { replies, messages }: Tally): RunnerState {
  return {
    ...state,
    async reply(address, message) {
      const outcome = await state.reply(address, message)
      replies.add(outcome)
      return outcome
    },
    async send(address, message) {
      const outcome = await state.send(address, message)
      messages.add(outcome)
      return outcome
    },
  }
}
