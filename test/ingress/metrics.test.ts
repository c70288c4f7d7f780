/** What an ingress counts, as Prometheus reads it. */
import { afterEach, expect, test } from '@jest/globals'
import { answers } from '../../ingress/answers.ts'
import { ingressMetrics } from '../../ingress/metrics.ts'
import { stateMetrics } from '../../ingress/state-metrics.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import { StateUnavailable } from '../../state/state.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { sampleLines, samplesIn, textOf } from '../support/metrics.ts'
import { openSocket } from '../support/socket-client.ts'
import { connectRaw } from './raw.ts'
import { createSites } from './site.ts'
import type { Site } from './site.ts'
import { routeOf } from './support.ts'
import { eventsUntil, socketRoute, urlOf } from './websocket/support.ts'

const sites = createSites()
afterEach(() => sites.end())

const route = routeOf('orders')
const waiting = routeOf('waiting', { response: { mode: 'Reply' } })

const samplesOf = async (site: Site): Promise<Map<string, number>> =>
  samplesIn(await textOf(ingressMetrics(site.ingress, site.table)))

/** Resolves when the sample has that value: an answer is counted when it has left. */
async function becomes(site: Site, sample: string, value: number): Promise<Map<string, number>> {
  for (;;) {
    const samples = await samplesOf(site)
    if (samples.get(sample) === value) return samples
    // Without a turn of the event loop nothing would ever come.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const status = (code: number): string => `hooklet_ingress_answers_total{status="${code}"}`
const refused = (reason: string): string => `hooklet_ingress_refusals_total{reason="${reason}"}`

test('every status and refusal of the table is there before the first call, at 0', async () => {
  const samples = await samplesOf(await sites.start({}))
  for (const [code, answer] of Object.entries(answers)) {
    expect(samples.get(status(answer.status))).toBe(0)
    // These refuse nothing.
    const expected = ['Preflight', 'Repeated'].includes(code) ? undefined : 0
    expect([code, samples.get(refused(code))]).toEqual([code, expected])
  }
  expect(samples.get(status(200))).toBe(0)
})

test('a 503 tells a state that is away from a queue that is full and a webhook that lacks a Secret', async () => {
  const away = routeOf('away')
  const full = routeOf('full')
  const broken = routeOf('broken', { state: 'Unavailable' })
  const site = await sites.start({
    routes: [away, full, broken],
    wrap: (state) => ({
      ...state,
      async admit({ event }) {
        if (event?.webhook.name === 'full') return { kind: 'backlogged' }
        throw new StateUnavailable('away')
      },
    }),
  })
  for (const one of [away, full, full, broken, broken, broken])
    expect((await site.call(one)).status).toBe(503)
  const samples = await becomes(site, status(503), 6)
  const reasons = [
    'StateUnavailable',
    'Backlogged',
    'RouteUnavailable',
    'VerificationUnavailable',
    'Throttled',
  ]
  expect(reasons.map((reason) => samples.get(refused(reason)))).toEqual([1, 2, 3, 0, 0])
})

test('calls that are answered at once and those that wait have durations of their own', async () => {
  const site = await sites.start({ routes: [route, waiting] })
  await site.call(route)
  await site.nextEvent()
  const call = site.call(waiting)
  const event = await site.nextEvent()
  await site.clock.advance(2_000)
  await site.reply(event, { kind: 'reply', status: 200, headers: {}, body: null })
  await call
  const samples = await becomes(site, 'hooklet_ingress_call_duration_seconds_count{answer="waiting"}', 1)
  const read = (answer: string, le: string) =>
    samples.get(`hooklet_ingress_call_duration_seconds_bucket{le="${le}",answer="${answer}"}`)
  expect([read('immediate', '0.001'), read('immediate', '+Inf')]).toEqual([1, 1])
  expect([read('waiting', '1'), read('waiting', '2.5'), read('waiting', '+Inf')]).toEqual([0, 1, 1])
  expect(samples.get('hooklet_ingress_call_duration_seconds_sum{answer="waiting"}')).toBe(2)
})

test('a webhook that waits for replies and refuses at once counts as immediate', async () => {
  const site = await sites.start({
    routes: [waiting],
    wrap: (state) => ({ ...state, admit: () => Promise.resolve({ kind: 'crowded' }) }),
  })
  expect((await site.call(waiting)).status).toBe(429)
  const samples = await becomes(site, status(429), 1)
  expect(samples.get('hooklet_ingress_call_duration_seconds_count{answer="immediate"}')).toBe(1)
  expect(samples.get(refused('Crowded'))).toBe(1)
  expect(samples.get('hooklet_ingress_events_total{type="http"}')).toBe(0)
})

test('events are counted by type, and the ends of WebSockets by reason', async () => {
  const chat = socketRoute()
  const site = await sites.start({ routes: [route, chat] })
  await site.call(route)
  const client = await openSocket(urlOf(site, chat))
  client.send('hello')
  await eventsUntil(site, 'message')
  expect((await samplesOf(site)).get('hooklet_ingress_websockets')).toBe(1)
  client.ws.close()
  await client.closed
  const gone = await openSocket(urlOf(site, chat))
  site.table.remove(chat)
  await gone.closed
  const ended = (reason: string) => `hooklet_ingress_websocket_ends_total{reason="${reason}"}`
  await becomes(site, ended('Client'), 1)
  const samples = await becomes(site, ended('WebhookGone'), 1)
  expect(['Workflow', 'Lost', 'Restarting'].map((reason) => samples.get(ended(reason)))).toEqual([0, 0, 0])
  const stored = ['http', 'connect', 'message', 'disconnect']
  expect(stored.map((type) => samples.get(`hooklet_ingress_events_total{type="${type}"}`))).toEqual([
    1, 2, 1, 2,
  ])
})

test('connections are told with their bound, and those that were over it', async () => {
  const site = await sites.start({ limits: { connections: 2 } })
  const held = [await connectRaw(site.port), await connectRaw(site.port)]
  expect(await (await connectRaw(site.port)).closed()).toBe('')
  const samples = await becomes(site, 'hooklet_ingress_connections_dropped_total', 1)
  expect(samples.get('hooklet_ingress_connections')).toBe(2)
  expect(samples.get('hooklet_ingress_connections_max')).toBe(2)
  for (const connection of held) connection.destroy()
})

test('ready is what the probe is told', async () => {
  let up = true
  const site = await sites.start({ wrap: (state) => ({ ...state, ready: async () => up }) })
  expect((await samplesOf(site)).get('hooklet_ingress_ready')).toBe(1)
  up = false
  expect((await samplesOf(site)).get('hooklet_ingress_ready')).toBe(0)
})

test('nothing that a caller or tenant chooses becomes a label', async () => {
  const site = await sites.start({ routes: [route] })
  await site.call(route, '/secret-path?key=value')
  await fetch(`http://127.0.0.1:${site.port}/webhooks/guessed-token`)
  await becomes(site, refused('NotFound'), 1)
  const text = await textOf(ingressMetrics(site.ingress, site.table))
  for (const word of [route.token, route.namespace, route.name, 'secret-path', 'guessed-token'])
    expect(text).not.toContain(word)
})

test('the state is asked once in five seconds, and what is not known is not told', async () => {
  const clock = createManualClock()
  const state = createMemoryState({ clock })
  const inner = state.ingress('pod')
  let asked = 0
  let away = false
  const metrics = stateMetrics(
    {
      ready: async () => !away,
      statistics: () => {
        asked += 1
        return away ? Promise.reject(new StateUnavailable('away')) : inner.statistics()
      },
    },
    clock,
  )
  await textOf(metrics)
  expect(await textOf(metrics)).toContain('\nhooklet_state_events 0\n')
  expect(asked).toBe(1)
  await clock.advance(5_000)
  away = true
  const text = await textOf(metrics)
  expect(asked).toBe(2)
  expect(sampleLines(text)).toEqual(['hooklet_state_up 0'])
  await state.close()
})
