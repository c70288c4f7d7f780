import type { Metric } from 'prom-client'
import { counted, measured, single } from '../process/metrics.ts'
import type { Ingress } from './ingress.ts'
import type { RouteTable } from './routes/table.ts'

/**
 * What can be measured of an ingress process. No label has a value that a tenant or a caller could choose.
 */
export function ingressMetrics(ingress: Ingress, table: RouteTable): Metric[] {
  return [...stateOf(ingress, table), ...callsOf(ingress), ...socketsOf(ingress)]
}

function stateOf(ingress: Ingress, table: RouteTable): Metric[] {
  return [
    single('gauge', 'hooklet_ingress_ready', {
      help: 'Whether new calls can be accepted now, as the readiness probe is told: 1 or 0.',
      read: async () => Number(await ingress.ready()),
    }),
    single('gauge', 'hooklet_ingress_routes', {
      help: 'Webhooks that are served.',
      read: () => table.size,
    }),
    single('gauge', 'hooklet_ingress_connections', {
      help: 'Connections that callers hold, be they idle, in calls or WebSockets.',
      read: () => ingress.connections(),
    }),
    single('gauge', 'hooklet_ingress_connections_max', {
      help: 'How many connections there may be.',
      read: () => ingress.maxConnections,
    }),
    single('gauge', 'hooklet_ingress_held_bytes', {
      help: 'What unfinished bodies and messages take, and messages that wait.',
      read: () => ingress.heldBytes,
    }),
    single('counter', 'hooklet_ingress_connections_dropped_total', {
      help: 'Connections that were closed unheard, because there were too many.',
      read: () => ingress.calls.dropped,
    }),
  ]
}

function callsOf({ calls, verifications }: Ingress): Metric[] {
  return [
    single('gauge', 'hooklet_ingress_calls_in_flight', {
      help: 'Calls to webhooks that are not answered yet.',
      read: () => calls.inFlight,
    }),
    measured('counter', 'hooklet_ingress_answers_total', {
      help: 'Calls to webhooks by the status of their answer.',
      labels: ['status'],
      read: () =>
        [...calls.answers].map(([status, value]) => ({ labels: { status: String(status) }, value })),
    }),
    calls.durations,
    counted('hooklet_ingress_refusals_total', {
      help: 'Calls, handshakes and malformed requests that were not served or got no reply, by the code of the answer.',
      label: 'reason',
      counts: calls.refusals,
    }),
    measured('counter', 'hooklet_ingress_verifications_total', {
      help: 'Verified calls by type, outcome and, where they were rejected, reason; from the first of each on.',
      labels: ['type', 'result', 'reason'],
      read: () =>
        [...verifications.entries()].map(({ type, result, reason, count }) => ({
          labels: { type, result, reason },
          value: count,
        })),
    }),
    counted('hooklet_ingress_events_total', {
      help: 'Events that were stored for runners, by type.',
      label: 'type',
      counts: calls.events,
    }),
  ]
}

function socketsOf(ingress: Ingress): Metric[] {
  return [
    single('gauge', 'hooklet_ingress_websockets', {
      help: 'WebSockets that are open.',
      read: () => ingress.openSockets(),
    }),
    counted('hooklet_ingress_websocket_ends_total', {
      help: 'WebSockets that are over, by why they were ended.',
      label: 'reason',
      counts: ingress.calls.ends,
    }),
  ]
}
