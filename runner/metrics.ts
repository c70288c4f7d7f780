import type { Metric } from 'prom-client'
import { counted, single } from '../process/metrics.ts'
import type { MeasuredExpressions } from './expression/jq.ts'
import type { PlanTable } from './plans/table.ts'
import type { Runner } from './runner.ts'

export interface RunnerParts {
  plans: PlanTable
  expressions: Pick<MeasuredExpressions, 'ends' | 'waiting'>
  concurrency: number
  /** As the readiness probe is told. */
  ready: () => Promise<boolean>
}

/** What can be measured of a runner process. No label has a value that a tenant or a caller could choose. */
export function runnerMetrics(runner: Runner, parts: RunnerParts): Metric[] {
  return [...loadOf(runner, parts), ...workOf(runner), ...expressionsOf(parts)]
}

function loadOf(runner: Runner, { plans, concurrency, ready }: RunnerParts): Metric[] {
  return [
    single('gauge', 'hooklet_runner_ready', {
      help: 'Whether the process reads events and the shared state answers: 1 or 0.',
      read: async () => Number(await ready()),
    }),
    single('gauge', 'hooklet_runner_in_hand', {
      help: 'Events and woken runs that the process works on.',
      read: () => runner.inHand,
    }),
    single('gauge', 'hooklet_runner_in_hand_of_one_namespace', {
      help: 'How many of them are of the namespace that has most.',
      read: () => runner.mostOfOne,
    }),
    single('gauge', 'hooklet_runner_concurrency', {
      help: 'How many it works on at most.',
      read: () => concurrency,
    }),
    single('gauge', 'hooklet_runner_plans', {
      help: 'Workflows that it can run.',
      read: () => plans.size,
    }),
  ]
}

function workOf({ tally }: Runner): Metric[] {
  return [
    counted('hooklet_runner_runs_total', {
      help: 'Runs by how far they were brought: completed, failed, parked, or fenced, for another runner has them.',
      label: 'result',
      counts: tally.runs,
    }),
    tally.durations,
    tally.delays,
    single('counter', 'hooklet_runner_retries_total', {
      help: 'Attempts of try tasks after the first.',
      read: () => tally.retries.read('retry'),
    }),
    counted('hooklet_runner_replies_total', {
      help: 'Replies by what became of them: first, late (answered before, or the caller stopped waiting), gone.',
      label: 'result',
      counts: tally.replies,
    }),
    counted('hooklet_runner_messages_total', {
      help: 'Messages to WebSockets by what became of them: sent, or gone with the connection.',
      label: 'result',
      counts: tally.messages,
    }),
    single('counter', 'hooklet_runner_dead_letters_total', {
      help: 'Events that the process put aside.',
      read: () => tally.deadLetters.read('event'),
    }),
  ]
}

function expressionsOf({ expressions }: RunnerParts): Metric[] {
  return [
    counted('hooklet_runner_expressions_total', {
      help: 'Evaluations by jq, which the simplest expressions do without, by their end: output, failed, timeout, aborted (memory, depth), refused (too many waited).',
      label: 'result',
      counts: expressions.ends,
    }),
    single('gauge', 'hooklet_runner_expressions_waiting', {
      help: 'Evaluations that wait for a thread.',
      read: () => expressions.waiting,
    }),
  ]
}
