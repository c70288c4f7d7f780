/**
 * The ingress whose refusals are timed, over the embedded state: with a network behind it small differences
 * would be hidden.
 */
import { hash } from 'node:crypto'
import { createIngress } from '../../ingress/ingress.ts'
import type { Route } from '../../ingress/route.ts'
import { createRouteTable } from '../../ingress/routes/table.ts'
import { systemClock } from '../../state/clock.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import { BEARER, HOOKS, PASSWORD, USER } from './hooks.ts'

const sha256 = (text: string): string => hash('sha256', text, 'hex')

function route({ name, token }: { name: string; token: string }, change: Partial<Route>): Route {
  return {
    version: 1,
    namespace: 'bench',
    name,
    uid: `uid-${name}`,
    generation: 1,
    token,
    type: 'HTTP',
    path: 'Prefix',
    state: 'Active',
    verification: { type: 'None' },
    response: {
      mode: 'Immediate',
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"success":true}',
      timeoutMs: 10_000,
      timeoutStatusCode: 504,
    },
    merged: false,
    limits: {
      // Never reached, and short, so that the window holds few calls throughout.
      rate: { requests: 1_000_000, windowMs: 1_000, per: 'Webhook' },
      connections: 100,
      payloadBytes: 262_144,
    },
    ...change,
  }
}

const table = createRouteTable()
const auth = { basic: sha256(`${USER}:${PASSWORD}`), bearer: [sha256(BEARER)] }
table.put(route(HOOKS.guarded, { auth }))
table.put(route(HOOKS.exact, { path: 'Exact' }))
table.put(route(HOOKS.suspended, { type: 'WebSocket', state: 'Suspended' }))
// A table as it is in use.
for (let nth = 0; nth < 10_000; nth++)
  table.put(route({ name: `hook-${nth}`, token: `bench-token-${String(nth).padStart(20, '0')}` }, {}))

const silent = (): void => {}
const ingress = createIngress({
  state: createMemoryState().ingress('bench'),
  table,
  clock: systemClock,
  log: { debug: silent, info: silent, warn: silent, error: silent },
})
const { port } = await ingress.listen({ port: 0, host: '127.0.0.1' })
process.stdout.write(`port ${port}\n`)
