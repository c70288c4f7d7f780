/** The rate holds back what verifying costs, and not only what comes after it. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { afterEach, expect, test } from '@jest/globals'
import { createRateGate } from '../../../ingress/http/rate-gate.ts'
import type { Fetched, VerifierDeps } from '../../../ingress/verify/verifier.ts'
import { StateUnavailable } from '../../../state/state.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const skill = (requests: number, per: 'Webhook' | 'ClientIP' = 'Webhook') =>
  routeOf('skill', { verification: { type: 'Alexa' }, limits: { rate: { requests, per } } })

/** A forged call: each names a chain of certificates of its own. */
async function forge(site: Site, nth: number): Promise<{ status: number; retryAfter: string | null }> {
  const timestamp = new Date(site.clock.now()).toISOString()
  const { status, headers } = await site.call(skill(0), '', {
    method: 'POST',
    body: JSON.stringify({ request: { timestamp } }),
    headers: {
      'Signature-256': 'AAAA',
      SignatureCertChainUrl: `https://s3.amazonaws.com/echo.api/${nth}.pem`,
    },
  })
  return { status, retryAfter: headers.get('retry-after') }
}

/** Documents that are nowhere; `read` are the URLs asked for. */
function nowhere(answer: () => Promise<void> = () => Promise.resolve()) {
  const read: string[] = []
  const verifiers = {
    async read(_document: unknown, url: URL): Promise<Fetched<never>> {
      read.push(url.href)
      await answer()
      return { kind: 'invalid', why: 'nothing is there' }
    },
  } as VerifierDeps
  return { read, verifiers }
}

test('over the rate nothing is fetched, until there is room again', async () => {
  const { read, verifiers } = nowhere()
  const site = await sites.start({ routes: [skill(2)], verifiers })
  for (let nth = 0; nth < 2; nth++) expect((await forge(site, nth)).status).toBe(400)
  await site.clock.advance(4_000)
  // The throttle itself tells the first one that it is over the rate.
  for (let nth = 2; nth < 6; nth++) expect(await forge(site, nth)).toEqual({ status: 429, retryAfter: '6' })
  expect(read).toHaveLength(3)
  await site.clock.advance(6_000)
  expect((await forge(site, 6)).status).toBe(400)
  expect(read).toHaveLength(4)
})

test('when a full window has room for one again, one of many is verified, and it is counted once', async () => {
  const { read, verifiers } = nowhere()
  const site = await sites.start({ routes: [skill(2)], verifiers })
  await forge(site, 0)
  await site.clock.advance(5_000)
  for (let nth = 1; nth < 4; nth++) await forge(site, nth)
  await site.clock.advance(5_000)
  read.length = 0
  const statuses = await Promise.all(
    Array.from({ length: 8 }, async (_, nth) => (await forge(site, nth)).status),
  )
  expect(statuses.filter((status) => status !== 429)).toEqual([400])
  expect(read).toHaveLength(1)
  // The other one of the window is 5 s old: there is room again for one.
  await site.clock.advance(5_000)
  expect((await forge(site, 9)).status).toBe(400)
  expect((await forge(site, 10)).status).toBe(429)
})

test('a call that is counted first is stored, and answered with a reply, as any other', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
  const route = routeOf('bot', {
    verification: { type: 'Discord', secrets: [key] },
    response: { mode: 'Reply' },
    limits: { rate: { requests: 1 } },
  })
  const site = await sites.start({ routes: [route] })
  const call = () => {
    const [time, body] = [String(site.clock.now() / 1000), '{"type":2,"id":"1"}']
    const signature = sign(null, Buffer.from(time + body), privateKey).toString('hex')
    const headers = { 'X-Signature-Timestamp': time, 'X-Signature-Ed25519': signature }
    return site.call(route, '', { method: 'POST', body, headers })
  }
  // The second time, the window was full a moment ago.
  for (let nth = 0; nth < 2; nth++) {
    const answer = call()
    await site.reply(await site.nextEvent(), { kind: 'reply', status: 201, headers: {}, body: 'done' })
    expect((await answer).status).toBe(201)
    expect((await call()).status).toBe(429)
    await site.clock.advance(10_000)
  }
})

test('of many at a time only so many are verified as the rate could let pass', async () => {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { read, verifiers } = nowhere(() => released)
  const site = await sites.start({ routes: [skill(3)], verifiers })
  const calls = Array.from({ length: 20 }, (_, nth) => forge(site, nth))
  // The 17 that are held back are answered while nothing is released.
  const early: number[] = []
  await new Promise<void>((resolve, reject) => {
    for (const call of calls)
      call.then(({ status }) => (early.push(status) === 17 ? resolve() : undefined), reject)
  })
  expect(early).toEqual(Array.from({ length: 17 }, () => 429))
  release()
  const statuses = (await Promise.all(calls)).map(({ status }) => status)
  expect(statuses.filter((status) => status === 400)).toHaveLength(3)
  expect(read).toHaveLength(3)
})

test('a window that is one caller’s is full for that caller alone', async () => {
  const { read, verifiers } = nowhere()
  const site = await sites.start({
    routes: [skill(1, 'ClientIP')],
    verifiers,
    proxies: { networks: ['127.0.0.0/8'], header: 'X-Forwarded-For' },
  })
  const from = async (address: string) => {
    const { status } = await site.call(skill(0), '', {
      method: 'POST',
      body: JSON.stringify({ request: { timestamp: new Date(site.clock.now()).toISOString() } }),
      headers: {
        'Signature-256': 'AAAA',
        SignatureCertChainUrl: 'https://s3.amazonaws.com/echo.api/x.pem',
        'X-Forwarded-For': address,
      },
    })
    return status
  }
  for (let nth = 0; nth < 4; nth++) await from('192.0.2.1')
  expect(read).toHaveLength(2)
  expect(await from('192.0.2.2')).toBe(400)
})

test('another rate of the webhook counts at once', async () => {
  const { verifiers } = nowhere()
  const site = await sites.start({ routes: [skill(1)], verifiers })
  for (const status of [400, 429, 429]) expect((await forge(site, 0)).status).toBe(status)
  site.table.put(skill(100))
  expect((await forge(site, 0)).status).toBe(400)
})

test('a verification that fails for want of the state leaves no place taken', async () => {
  const { verifiers } = nowhere()
  let away = true
  const site = await sites.start({
    routes: [skill(1)],
    verifiers,
    wrap: (state) => ({
      ...state,
      admit: (admission) => (away ? Promise.reject(new StateUnavailable('away')) : state.admit(admission)),
    }),
  })
  for (let nth = 0; nth < 3; nth++) expect((await forge(site, nth)).status).toBe(503)
  away = false
  expect((await forge(site, 3)).status).toBe(400)
})

test('a clock that is set back keeps nobody out for longer than a window', () => {
  let now = 1_000_000
  const gate = createRateGate(() => now)
  const throttle = { key: 'window', requests: 1, windowMs: 10_000 }
  gate.full(throttle, 10_000)
  expect(gate.enter(throttle)).toEqual({ waitMs: 10_000 })
  now -= 3_600
  expect(gate.enter(throttle)).toBe('verify')
  gate.leave(throttle)
  now += 3_600 + 9_999
  expect(gate.enter(throttle)).toEqual({ waitMs: 1 })
})

test('signatures of public keys are not looked at over the rate either', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
  const route = routeOf('bot', {
    verification: { type: 'Discord', secrets: [key] },
    limits: { rate: { requests: 1 } },
  })
  const site = await sites.start({ routes: [route] })
  const time = String(site.clock.now() / 1000)
  const body = '{"type":2,"id":"1"}'
  const signature = sign(null, Buffer.from(time + body), privateKey).toString('hex')
  const headers = { 'X-Signature-Timestamp': time, 'X-Signature-Ed25519': signature }
  const call = async () => (await site.call(route, '', { method: 'POST', body, headers })).status
  expect([await call(), await call(), await call(), await call()]).toEqual([200, 429, 429, 429])
  // The first of those over the rate is verified, for the throttle has said nothing yet.
  expect([...site.ingress.verifications.entries()]).toEqual([
    { type: 'Discord', result: 'pass', reason: '', count: 2 },
  ])
})
