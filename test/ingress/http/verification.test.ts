/** Where verification stands among the checks of a call. */
import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import { ingressMetrics } from '../../../ingress/metrics.ts'
import { StateUnavailable } from '../../../state/state.ts'
import { textOf } from '../../support/metrics.ts'
import { createSites } from '../site.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const verification = { type: 'GitHub', secrets: ['secret'] }
const body = '{"zen":"Design for failure."}'
const signature = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`
const good = { method: 'POST', body, headers: { 'x-hub-signature-256': signature } }
const bad = { method: 'POST', body: `${body} `, headers: { 'x-hub-signature-256': signature } }

const seen = async (answer: Promise<Response>) => {
  const response = await answer
  return [response.status, await response.text()]
}
const FAILED = [401, '{"error":"Verification failed"}']
const UNAUTHORIZED = [401, '{"error":"Unauthorized"}']
const THROTTLED = [429, '{"error":"Over rate limit, request throttled"}']

test('an event that passes carries its headers and body', async () => {
  const route = routeOf('push', { verification })
  const site = await sites.start({ routes: [route] })
  expect((await site.call(route, '/a?b=1', good)).headers.get('x-hooklet-event-id')).toBeTruthy()
  const event = await site.nextEvent()
  expect(event).toMatchObject({ path: '/a', query: 'b=1', headers: { 'x-hub-signature-256': signature } })
  expect(event.body.toString()).toBe(body)
})

test('what fails gets no event id, and starts nothing', async () => {
  const route = routeOf('push', { verification })
  const site = await sites.start({ routes: [route] })
  const answer = await site.call(route, '', bad)
  expect(answer.headers.get('x-hooklet-event-id')).toBeNull()
  expect(await seen(Promise.resolve(answer))).toEqual(FAILED)
  await site.call(route, '/the-first', good)
  expect((await site.nextEvent()).path).toBe('/the-first')
})

test('a verified call waits for its reply', async () => {
  const route = routeOf('push', { verification, response: { mode: 'Reply' } })
  const site = await sites.start({ routes: [route] })
  const call = site.call(route, '', good)
  await site.reply(await site.nextEvent(), { kind: 'reply', status: 201, headers: {}, body: 'done' })
  expect(await seen(call)).toEqual([201, 'done'])
  expect(await seen(site.call(route, '', bad))).toEqual(FAILED)
})

describe('the throttle comes first', () => {
  test('refused calls count, and over the rate a bad signature is 429', async () => {
    const route = routeOf('push', { verification, limits: { rate: { requests: 2 } } })
    const site = await sites.start({ routes: [route] })
    expect(await seen(site.call(route, '', bad))).toEqual(FAILED)
    expect(await seen(site.call(route, '', bad))).toEqual(FAILED)
    const over = await site.call(route, '', bad)
    expect(over.headers.get('retry-after')).toBe('10')
    expect(await seen(Promise.resolve(over))).toEqual(THROTTLED)
    expect(await seen(site.call(route, '', good))).toEqual(THROTTLED)
  })

  test('handshakes count, too', async () => {
    const route = routeOf('box', {
      verification: { type: 'Dropbox', secrets: ['secret'] },
      limits: { rate: { requests: 1 } },
    })
    const site = await sites.start({ routes: [route] })
    expect(await seen(site.call(route, '?challenge=a'))).toEqual([200, 'a'])
    expect(await seen(site.call(route, '?challenge=a'))).toEqual(THROTTLED)
  })
})

test('L25 L26 credentials come before the signature, and both must pass', async () => {
  const route = routeOf('push', { verification, auth: { basic: sha256('user:') } })
  const site = await sites.start({ routes: [route] })
  const authorization = `Basic ${Buffer.from('user:').toString('base64')}`
  const withAuth = (init: typeof good) => ({ ...init, headers: { ...init.headers, authorization } })
  expect(await seen(site.call(route, '', good))).toEqual(UNAUTHORIZED)
  expect(await seen(site.call(route, '', withAuth(bad)))).toEqual(FAILED)
  expect((await site.call(route, '', withAuth(good))).status).toBe(200)
})

test('a body over the limit is 413, whatever its signature', async () => {
  const route = routeOf('push', { verification, limits: { payloadBytes: 10 } })
  const site = await sites.start({ routes: [route] })
  expect((await site.call(route, '', good)).status).toBe(413)
})

test.each(['Suspended', 'Paused'] as const)('%s is told without a look at the signature', async (state) => {
  const route = routeOf('push', { verification, state })
  const site = await sites.start({ routes: [route] })
  expect((await site.call(route, '', bad)).status).toBe(200)
})

test('without the state nothing is said about the signature', async () => {
  const route = routeOf('push', { verification })
  const admit = () => Promise.reject(new StateUnavailable('away'))
  const site = await sites.start({ routes: [route], wrap: (state) => ({ ...state, admit }) })
  expect((await site.call(route, '', bad)).status).toBe(503)
  expect((await site.call(route, '', good)).status).toBe(503)
})

test('the reason of a refusal is logged, and told to nobody', async () => {
  const route = routeOf('push', { verification })
  const site = await sites.start({ routes: [route] })
  await site.call(route, '', bad)
  await site.call(route, '', { method: 'POST', body })
  const reasons = site.logged.filter(({ message }) => message === 'Verification failed')
  expect(reasons.map(({ level, fields }) => [level, fields['reason']])).toEqual([
    ['info', 'SignatureMismatch'],
    ['debug', 'HeaderMissing'],
  ])
})

test('passes, refusals by reason, and handshakes are counted', async () => {
  const route = routeOf('push', { verification })
  const box = routeOf('box', { verification: { type: 'Dropbox', secrets: ['secret'] } })
  const site = await sites.start({ routes: [route, box] })
  for (const init of [good, good, bad, { method: 'POST' }]) await site.call(route, '', init)
  await site.call(box, '?challenge=a')
  const text = await textOf(ingressMetrics(site.ingress, site.table))
  const samples = text.split('\n').filter((line) => line.startsWith('hooklet_ingress_verifications_total{'))
  expect(samples).toEqual([
    'hooklet_ingress_verifications_total{type="GitHub",result="pass",reason=""} 2',
    'hooklet_ingress_verifications_total{type="GitHub",result="reject",reason="SignatureMismatch"} 1',
    'hooklet_ingress_verifications_total{type="GitHub",result="reject",reason="HeaderMissing"} 1',
    'hooklet_ingress_verifications_total{type="Dropbox",result="handshake",reason=""} 1',
  ])
})

test('a minute later a refusal is a line of the log again', async () => {
  const route = routeOf('push', { verification })
  const other = routeOf('other', { verification })
  const site = await sites.start({ routes: [route, other] })
  const levels = async (called: typeof route) => {
    site.logged.length = 0
    await site.call(called, '', bad)
    return site.logged.flatMap(({ level, message }) => (message === 'Verification failed' ? [level] : []))
  }
  expect(await levels(route)).toEqual(['info'])
  expect(await levels(other)).toEqual(['info'])
  await site.clock.advance(59_000)
  expect(await levels(route)).toEqual(['debug'])
  await site.clock.advance(1_000)
  expect(await levels(route)).toEqual(['info'])
})

test('a token that is a secret itself is neither stored nor seen by runs', async () => {
  const route = routeOf('merge', { verification: { type: 'GitLab', secrets: ['a-secret-token'] } })
  const site = await sites.start({ routes: [route] })
  const headers = { 'X-Gitlab-Token': 'a-secret-token', 'X-Gitlab-Event': 'Push Hook' }
  expect((await site.call(route, '', { method: 'POST', body, headers })).status).toBe(200)
  const event = await site.nextEvent()
  expect(event.headers['x-gitlab-event']).toBe('Push Hook')
  expect(JSON.stringify(event)).not.toContain('a-secret-token')
})
