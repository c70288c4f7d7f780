import type { Metric } from 'prom-client'
import { measured, single } from '../process/metrics.ts'
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
    operator.durations,
    measured('counter', 'hooklet_operator_reconciles_total', {
      help: 'How often a resource was brought in line; of a leader.',
      labels: ['kind', 'result'],
      read: () =>
        operator.reconciles().map(({ kind, result, count }) => ({ labels: { kind, result }, value: count })),
    }),
    measured('gauge', 'hooklet_operator_resources', {
      help: 'Webhooks and Workflows, by the status of their condition Ready.',
      labels: ['kind', 'ready'],
      read: () =>
        operator.resources().map(({ kind, ready, count }) => ({ labels: { kind, ready }, value: count })),
    }),
  ]
}
