/** The real ingress, with routes made here instead of read: `node hooklet.ts REDIS SCENARIO`. */
import { createHash } from 'node:crypto'
import { createIngress } from '../../ingress/ingress.ts'
import type { Route } from '../../ingress/route.ts'
import { createRouteTable } from '../../ingress/routes/table.ts'
import { systemClock } from '../../state/clock.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import { LIMIT } from './limit.ts'
import type { Scenario } from './scenarios.ts'
import { BASIC, routesOf, SIGNING_SECRET, tokenOf } from './scenarios.ts'

const [url, scenario] = process.argv.slice(2) as [string, Scenario]

function verification(): Route['verification'] {
  const secrets = [SIGNING_SECRET]
  if (scenario === 'hmac') return { type: 'GitHub', secrets }
  // The calls are signed once, for as long as the bench runs.
  return scenario === 'hmac-time' ? { type: 'Slack', secrets, toleranceMs: 3_600_000 } : { type: 'None' }
}

function route(nth: number): Route {
  return {
    version: 1,
    namespace: 'bench',
    name: `hook-${nth}`,
    uid: `uid-${nth}`,
    generation: 1,
    token: tokenOf(nth),
    type: 'HTTP',
    path: 'Prefix',
    state: 'Active',
    verification: verification(),
    ...(scenario === 'basic' ? { auth: { basic: createHash('sha256').update(BASIC).digest('hex') } } : {}),
    response: {
      mode: scenario === 'reply' ? 'Reply' : 'Immediate',
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"success":true}',
      timeoutMs: 10_000,
      timeoutStatusCode: 504,
    },
    merged: false,
    limits: {
      rate:
        scenario === 'throttled'
          ? { requests: 1, windowMs: 600_000, per: 'Webhook' }
          : { ...LIMIT, per: 'Webhook' },
      connections: 10_000,
      payloadBytes: 262_144,
    },
  }
}

const table = createRouteTable()
// As an ingress gets them: each read from its own JSON, so that no two share a string.
for (let nth = 0; nth < routesOf(scenario); nth++) table.put(JSON.parse(JSON.stringify(route(nth))) as Route)
// Where nothing reads the events, they must not be refused for being many.
const state = createRedisState({
  url,
  ...(scenario === 'reply' ? {} : { backlog: 100_000_000, backlogBytes: 1e12 }),
})
const silent = (): void => {}
const ingress = createIngress({
  state: state.ingress('bench'),
  table,
  clock: systemClock,
  log: {
    debug: silent,
    info: silent,
    warn: silent,
    error: (fields, message) => process.stderr.write(`${message}\n`),
  },
})
const { port } = await ingress.listen({ port: 0, host: '127.0.0.1' })
process.stdout.write(`port ${port}\n`)
