import type { Metric } from '../process/metrics.ts'
import { single } from '../process/metrics.ts'
import type { Ingress } from './ingress.ts'
import type { RouteTable } from './routes/table.ts'

/** What can be measured of an ingress process. */
export function ingressMetrics(ingress: Ingress, table: RouteTable): Metric[] {
  const { calls } = ingress
  return [
    single('gauge', 'hooklet_ingress_calls_in_flight', {
      help: 'Calls to webhooks that are not answered yet.',
      read: () => calls.inFlight,
    }),
    {
      name: 'hooklet_ingress_answers_total',
      help: 'Calls to webhooks by the status of their answer.',
      type: 'counter',
      read: () =>
        [...calls.answers].map(([status, value]) => ({ labels: { status: String(status) }, value })),
    },
    {
      name: 'hooklet_ingress_verifications_total',
      help: 'Verified calls by type, outcome and, where they were rejected, reason.',
      type: 'counter',
      read: () =>
        [...ingress.verifications.entries()].map(({ type, result, reason, count }) => ({
          labels: { type, result, reason },
          value: count,
        })),
    },
    single('gauge', 'hooklet_ingress_websockets', {
      help: 'WebSockets that are open.',
      read: () => ingress.openSockets(),
    }),
    single('gauge', 'hooklet_ingress_routes', {
      help: 'Webhooks that are served.',
      read: () => table.size,
    }),
  ]
}
