import { createHash } from 'node:crypto'
import type { Route } from '../../ingress/route.ts'

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

type Change = Partial<Omit<Route, 'response' | 'limits'>> & {
  response?: Partial<Route['response']>
  limits?: Partial<Omit<Route['limits'], 'rate'>> & { rate?: Partial<Route['limits']['rate']> }
}

/** A route as the operator compiles it for a Webhook with an empty spec, with changes. */
export function routeOf(name: string, change: Change = {}): Route {
  const { response, limits, ...rest } = change
  return {
    version: 1,
    namespace: 'shop',
    name,
    uid: `uid-of-${name}`,
    generation: 1,
    token: `token-of-${name}-0123456789`,
    type: 'HTTP',
    path: 'Prefix',
    state: 'Active',
    verification: { type: 'None' },
    merged: false,
    ...rest,
    response: {
      mode: 'Immediate',
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"success":true}',
      timeoutMs: 60_000,
      timeoutStatusCode: 504,
      ...response,
    },
    limits: {
      connections: 100,
      payloadBytes: 256 * 1024,
      ...limits,
      rate: { requests: 100, windowMs: 10_000, per: 'Webhook', ...limits?.rate },
    },
  }
}
