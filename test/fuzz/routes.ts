import type { Route } from '../../ingress/route.ts'
import { routeOf } from '../ingress/support.ts'

/** Never in the way, except where it is meant to be. */
const wide = { rate: { requests: 1_000_000, windowMs: 1_000 }, payloadBytes: 16 * 1024 }

/** A webhook of every kind. */
export function routes(sha256: (text: string) => string): Route[] {
  const kinds: Record<string, Parameters<typeof routeOf>[1]> = {
    plain: {},
    merged: { merged: true },
    exact: { path: 'Exact' },
    output: { response: { mode: 'Output', timeoutMs: 5_000 } },
    guarded: { auth: { basic: sha256('ada:secret'), bearer: [sha256('token')] } },
    github: { verification: { type: 'GitHub', secrets: ['secret'] }, once: once('Delivery') },
    stripe: { verification: { type: 'Stripe', secrets: ['whsec_secret'], toleranceMs: 300_000 } },
    twilio: { verification: { type: 'Twilio', secrets: ['secret'] } },
    facebook: { verification: { type: 'Facebook', code: 'code', secrets: ['secret'] } },
    keyed: { once: { ...once('Header'), header: 'idempotency-key', sameRequest: true } },
    cors: { cors: { origins: ['https://app.example.com'], methods: ['POST'], headers: ['*'] } },
    suspended: { state: 'Suspended' },
    paused: { state: 'Paused' },
    unavailable: { state: 'Unavailable' },
    socket: {
      type: 'WebSocket',
      webSocket: { allowedOrigins: [], subprotocols: ['chat'], encoding: 'base64' },
    },
  }
  const all = Object.entries(kinds).map(([name, change]) => routeOf(name, { ...change, limits: wide }))
  return [
    ...all,
    routeOf('throttled', { limits: { rate: { requests: 5, windowMs: 3_600_000, per: 'ClientIP' } } }),
  ]
}

const once = (by: 'Delivery' | 'Header'): NonNullable<Route['once']> => ({
  by,
  required: false,
  sameRequest: false,
  ttlMs: 60_000,
})
