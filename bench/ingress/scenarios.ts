/** What is measured. */
export const SCENARIOS = {
  F0: 'bare node:http, no state',
  F1: 'F0 and one EVALSHA: window and XADD, ioredis with autopipelining',
  'F1-many': 'F1 that looks up 100,000 windows by turns',
  immediate: 'Immediate, everything on',
  'one-of-many': 'Immediate, always the same of 100,000 routes',
  'some-routes': 'Immediate, 1,000 routes by turns',
  'many-routes': 'Immediate, 100,000 routes by turns',
  basic: 'Immediate, basic auth',
  hmac: 'Immediate, the signature of GitHub over 1 KB',
  'hmac-time': 'Immediate, the signature of Slack over time and 1 KB',
  throttled: 'over the rate: 429',
  reply: 'Reply by a runner, with leases',
} as const

export type Scenario = keyof typeof SCENARIOS

/** How many routes there are. */
export function routesOf(scenario: Scenario): number {
  if (scenario === 'some-routes') return 1_000
  return scenario.includes('many') ? 100_000 : 1
}

/** How many of them are called, each in its turn. */
export function calledOf(scenario: Scenario): number {
  return scenario === 'one-of-many' ? 1 : routesOf(scenario)
}

/** User and password of the scenario with basic auth. */
export const BASIC = 'bench:password'

/** With which the calls of the scenarios with signatures are signed. */
export const SIGNING_SECRET = 'bench-signing-secret-of-32-bytes'

export function tokenOf(nth: number): string {
  return `bench-token-${String(nth).padStart(20, '0')}`
}
