/**
 * What verifying a call of 1 KB costs in CPU, beside the bare HMAC of node:crypto, which is its floor. One process, no network: what it is of a whole call,
 * bench/ingress tells. `node bench/verify/main.ts [--rounds 5]`
 */
import { createHmac, createSecretKey } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { parseArgs } from 'node:util'
import { ReceivedCall } from '../../ingress/http/received-call.ts'
import { parseTarget } from '../../ingress/http/target.ts'
import type { Verification } from '../../ingress/route.ts'
import { prepareVerification } from '../../ingress/verify/registry.ts'
import { NOTHING_FETCHED } from '../../ingress/verify/verifier.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const CALLS = 50_000
const SECRET = 'bench-signing-secret-of-32-bytes'
const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(1024 - 11) }))
const url = '/webhooks/bench-token-0123456789'
const target = parseTarget(url)
const now = Date.now()
const seconds = String(Math.floor(now / 1000))

const sign = (algorithm: string, encoding: 'hex' | 'base64', ...parts: (string | Buffer)[]): string => {
  const hmac = createHmac(algorithm, SECRET)
  for (const part of parts) hmac.update(part)
  return hmac.digest(encoding)
}

/** What every call carries besides what is signed. */
const usual = [
  'Host',
  'localhost',
  'User-Agent',
  'bench',
  'Accept',
  '*/*',
  'Content-Type',
  'application/json',
]

const SCENARIOS: Record<string, { verification: Verification; headers: string[] }> = {
  GitHub: {
    verification: { type: 'GitHub', secrets: [SECRET] },
    headers: ['X-Hub-Signature-256', `sha256=${sign('sha256', 'hex', body)}`],
  },
  'GitHub, two secrets': {
    verification: { type: 'GitHub', secrets: [`${SECRET}2`, SECRET] },
    headers: ['X-Hub-Signature-256', `sha256=${sign('sha256', 'hex', body)}`],
  },
  Slack: {
    verification: { type: 'Slack', secrets: [SECRET] },
    headers: [
      'X-Slack-Request-Timestamp',
      seconds,
      'X-Slack-Signature',
      `v0=${sign('sha256', 'hex', `v0:${seconds}:`, body)}`,
    ],
  },
  Stripe: {
    verification: { type: 'Stripe', secrets: [SECRET] },
    headers: ['Stripe-Signature', `t=${seconds},v1=${sign('sha256', 'hex', `${seconds}.`, body)}`],
  },
  Square: {
    verification: { type: 'Square', secrets: [SECRET] },
    headers: [
      'X-Square-HmacSha256-Signature',
      sign('sha256', 'base64', `https://hooks.example.com${url}`, body),
    ],
  },
  Fitbit: {
    verification: { type: 'Fitbit', code: 'code', secrets: [SECRET.slice(0, -1)] },
    headers: [
      'X-Fitbit-Signature',
      createHmac('sha1', `${SECRET.slice(0, -1)}&`)
        .update(body)
        .digest('base64'),
    ],
  },
}

const publicUrl = (): string => 'https://hooks.example.com'

/** Microseconds of CPU for one of the calls. */
function costOf(call: () => void): number {
  const before = process.cpuUsage()
  for (let n = 0; n < CALLS; n++) call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

const key = createSecretKey(Buffer.from(SECRET))
const rows: [string, () => void][] = [
  ['bare HMAC-SHA256', () => void createHmac('sha256', key).update(body).digest('hex')],
]
for (const [name, { verification, headers }] of Object.entries(SCENARIOS)) {
  const prepared = prepareVerification(verification, NOTHING_FETCHED)
  const req = { method: 'POST', rawHeaders: [...usual, ...headers] } as unknown as IncomingMessage
  const verify = () => prepared?.verify(new ReceivedCall({ req, url, target, body, now, publicUrl }))
  const outcome = await verify()
  if (outcome?.kind !== 'pass') throw new Error(`${name}: ${JSON.stringify(outcome)}`)
  rows.push([name, () => void verify()])
}

for (const [, call] of rows) costOf(call)
const costs = rows.map(([name, call]): [string, number] => {
  const rounds = Array.from({ length: Number(values.rounds) }, () => costOf(call)).toSorted((a, b) => a - b)
  return [name, rounds[Math.floor(rounds.length / 2)] ?? NaN]
})
const floor = costs[0]?.[1] ?? NaN
for (const [name, cost] of costs)
  process.stdout.write(
    `${name.padEnd(22)} ${cost.toFixed(2).padStart(6)} us  ${(cost / floor).toFixed(2)} of the bare HMAC\n`,
  )
