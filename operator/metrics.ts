import { single, type Metric } from '../process/metrics.ts'
import type { Operator } from './operator.ts'

/** What can be measured of an operator process. */
export function operatorMetrics(operator: Operator): Metric[] {
  return [
    single('gauge', 'hooklet_operator_leader', {
      help: 'Whether this operator leads: 1 or 0.',
      read: () => Number(operator.isLeader()),
    }),
    single('gauge', 'hooklet_operator_ready', {
      help: 'Whether everything was read once: 1 or 0.',
      read: () => Number(operator.isReady()),
    }),
    single('gauge', 'hooklet_operator_queue', {
      help: 'Resources that wait to be compiled; of a leader.',
      read: () => operator.queued,
    }),
    single('gauge', 'hooklet_operator_retrying', {
      help: 'Resources that could not be brought in line and are tried again; of a leader.',
      read: () => operator.retrying,
    }),
    {
      name: 'hooklet_operator_reconcile_duration_seconds',
      help: 'How long it took to bring a resource in line, or to fail at it; of a leader.',
      type: 'histogram',
      read: () => Object.entries(operator.durations).flatMap(([kind, spread]) => spread.samples({ kind })),
    },
    {
      name: 'hooklet_operator_reconciles_total',
      help: 'How often a resource was brought in line; of a leader.',
      type: 'counter',
      read: () =>
        operator.reconciles().map(({ kind, result, count }) => ({ labels: { kind, result }, value: count })),
    },
    {
      name: 'hooklet_operator_resources',
      help: 'Webhooks and Workflows, by the status of their condition Ready.',
      type: 'gauge',
      read: () =>
        operator.resources().map(({ kind, ready, count }) => ({ labels: { kind, ready }, value: count })),
    },
  ]
}
