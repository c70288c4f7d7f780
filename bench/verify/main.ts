/**
 * What verifying a call of 1 KB costs in CPU, beside one use of node:crypto's createHmac. One process, no
 * network: what it is of a whole call, bench/ingress tells. `node bench/verify/main.ts [--rounds 5]`
 */
import { createHmac, createSecretKey, generateKeyPairSync, sign as signWith } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { parseArgs } from 'node:util'
import { ReceivedCall } from '../../ingress/http/received-call.ts'
import { parseTarget } from '../../ingress/http/target.ts'
import type { Verification } from '../../ingress/route.ts'
import { prepareVerification } from '../../ingress/verify/registry.ts'
import type { VerifierDeps } from '../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../ingress/verify/verifier.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const CALLS = 20_000
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

interface Scenario {
  verification: Verification
  headers: string[]
  body?: Buffer
  deps?: VerifierDeps
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed25519 = generateKeyPairSync('ed25519')
const skillBody = Buffer.from(
  JSON.stringify({ request: { timestamp: new Date(now).toISOString() }, text: 'x'.repeat(1024 - 64) }),
)
/** The certificate was fetched and checked before, as it is for all calls of a day but one. */
const KEPT = {
  read: () => ({ kind: 'found', value: { key: rsa.publicKey, validFrom: 0, validTo: Infinity } }),
} as unknown as VerifierDeps
const jwtSettings = { issuer: 'i', audiences: ['a'], clockSkewMs: 30_000 }

function bearer(alg: string, signature: (text: string) => string): string[] {
  const parts = [{ alg }, { iss: 'i', aud: 'a', exp: Number(seconds) + 3_600 }]
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return ['Authorization', `Bearer ${text}.${signature(text)}`]
}

const SCENARIOS: Record<string, Scenario> = {
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
  Alexa: {
    verification: { type: 'Alexa' },
    deps: KEPT,
    body: skillBody,
    headers: [
      'SignatureCertChainUrl',
      'https://s3.amazonaws.com/echo.api/echo-api-cert-12.pem',
      'Signature-256',
      signWith('sha256', skillBody, rsa.privateKey).toString('base64'),
    ],
  },
  Discord: {
    verification: {
      type: 'Discord',
      secrets: [ed25519.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')],
    },
    headers: [
      'X-Signature-Timestamp',
      seconds,
      'X-Signature-Ed25519',
      signWith(null, Buffer.concat([Buffer.from(seconds), body]), ed25519.privateKey).toString('hex'),
    ],
  },
  'JWT, HS256': {
    verification: { type: 'JWT', secrets: [SECRET], jwt: jwtSettings },
    headers: bearer('HS256', (text) => createHmac('sha256', SECRET).update(text).digest('base64url')),
  },
  'JWT, RS256': {
    verification: {
      type: 'JWT',
      jwt: { ...jwtSettings, publicKeys: [rsa.publicKey.export({ format: 'pem', type: 'spki' })] },
    },
    headers: bearer('RS256', (text) =>
      signWith('sha256', Buffer.from(text), rsa.privateKey).toString('base64url'),
    ),
  },
}

const publicUrl = (): string => 'https://hooks.example.com'

/** Microseconds of CPU for one of the calls. */
async function costOf(call: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  for (let n = 0; n < CALLS; n++) {
    const outcome = call()
    if (outcome instanceof Promise) await outcome
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

const key = createSecretKey(Buffer.from(SECRET))
const rows: [string, () => unknown][] = [
  ['bare HMAC-SHA256', () => createHmac('sha256', key).update(body).digest('hex')],
]
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  const { verification, headers, deps = NOTHING_FETCHED } = scenario
  const prepared = prepareVerification(verification, deps)
  const req = { method: 'POST', rawHeaders: [...usual, ...headers] } as unknown as IncomingMessage
  const call = { req, url, target, body: scenario.body ?? body, now, publicUrl }
  const verify = () => prepared?.verify(new ReceivedCall(call))
  const outcome = await verify()
  if (outcome?.kind !== 'pass') throw new Error(`${name}: ${JSON.stringify(outcome)}`)
  rows.push([name, verify])
}

for (const [, call] of rows) await costOf(call)
const costs: [string, number][] = []
for (const [name, call] of rows) {
  const rounds: number[] = []
  while (rounds.length < Number(values.rounds)) rounds.push(await costOf(call))
  costs.push([name, rounds.toSorted((x, y) => x - y)[Math.floor(rounds.length / 2)] ?? NaN])
}
const floor = costs[0]?.[1] ?? NaN
for (const [name, cost] of costs)
  process.stdout.write(
    `${name.padEnd(22)} ${cost.toFixed(2).padStart(6)} us  ${(cost / floor).toFixed(2)} of the bare HMAC\n`,
  )
