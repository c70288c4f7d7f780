import type { Metric } from 'prom-client'
import { single } from '../process/metrics.ts'
import type { Clock } from '../state/clock.ts'
import type { IngressState } from '../state/state.ts'
import type { Statistics } from '../state/statistics.ts'

/** However often metrics are read, the state is asked no more than once in this time. */
const FRESH_MS = 5_000

/**
 * How full the shared state is. Ingress processes tell it, each the same, for they are there when runners are
 * not; so that whatever reads it takes the largest, not the sum.
 */
export function stateMetrics(state: Pick<IngressState, 'statistics' | 'ready'>, clock: Clock): Metric[] {
  const statistics = fresh(() => state.statistics(), clock)
  const of = (read: (known: Statistics) => number) => async (): Promise<number> => read(await statistics())
  return [
    single('gauge', 'hooklet_state_up', {
      help: 'Whether the shared state answers this process: 1 or 0. While it does not, what is below is not told.',
      read: async () => Number(await state.ready()),
    }),
    single('gauge', 'hooklet_state_events', {
      help: 'Accepted events that are not done.',
      read: of(({ events }) => events),
    }),
    single('gauge', 'hooklet_state_deferred_events', {
      help: 'Those that wait because their webhook or namespace has its share of the runners.',
      read: of(({ deferredEvents }) => deferredEvents),
    }),
    single('gauge', 'hooklet_state_oldest_event_age_seconds', {
      help: 'How long the oldest of them has been there; 0 when there is none.',
      read: of(({ oldestEventMs }) => oldestEventMs / 1000),
    }),
    single('gauge', 'hooklet_state_fullest_partition_ratio', {
      help: 'How much of its bound the fullest partition takes; at 1 its calls get 503.',
      read: of(({ fullest }) => fullest),
    }),
    single('gauge', 'hooklet_state_parked_runs', {
      help: 'Runs that wait or were woken.',
      read: of(({ parkedRuns }) => parkedRuns),
    }),
    single('gauge', 'hooklet_state_due_runs', {
      help: 'Those that could go on, and that no runner has taken yet.',
      read: of(({ dueRuns }) => dueRuns),
    }),
    single('gauge', 'hooklet_state_dead_letters', {
      help: 'Events put aside that are kept.',
      read: of(({ deadLetters }) => deadLetters),
    }),
    single('counter', 'hooklet_state_dead_letters_total', {
      help: 'Events that were put aside, since the state has its data.',
      read: of(({ deadLettersEver }) => deadLettersEver),
    }),
  ]
}

/**
 * Reads at most once in a while, for however many ask. A failure is told to all of them, and tried again as
 * late.
 */
function fresh<Value>(read: () => Promise<Value>, clock: Clock): () => Promise<Value> {
  let last: { at: number; value: Promise<Value> } | undefined
  return () => {
    const now = clock.monotonic()
    if (last === undefined || now - last.at >= FRESH_MS) last = { at: now, value: read() }
    return last.value
  }
}
