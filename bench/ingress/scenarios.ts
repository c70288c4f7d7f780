/** What is measured. */
export const SCENARIOS = {
  F0: 'bare node:http, no state',
  F1: 'F0 and one EVALSHA: window and XADD, ioredis with autopipelining',
  immediate: 'Immediate, everything on',
  'some-routes': 'Immediate, 1,000 routes by turns',
  'many-routes': 'Immediate, 100,000 routes by turns',
  basic: 'Immediate, basic auth',
  hmac: 'Immediate, the signature of GitHub over 1 KB',
  'hmac-time': 'Immediate, the signature of Slack over time and 1 KB',
  throttled: 'over the rate: 429',
  reply: 'Reply by a runner, with leases',
} as const

export type Scenario = keyof typeof SCENARIOS

/** How many routes there are, each called in its turn. */
export function routesOf(scenario: Scenario): number {
  if (scenario === 'some-routes') return 1_000
  return scenario === 'many-routes' ? 100_000 : 1
}

/** User and password of the scenario with basic auth. */
export const BASIC = 'bench:password'

/** With which the calls of the scenarios with signatures are signed. */
export const SIGNING_SECRET = 'bench-signing-secret-of-32-bytes'

export function tokenOf(nth: number): string {
  return `bench-token-${String(nth).padStart(20, '0')}`
}
