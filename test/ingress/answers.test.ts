import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { AnswerCode } from '../../ingress/answers.ts'
import { answers } from '../../ingress/answers.ts'
import type { Verdict } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { connectRaw } from './raw.ts'
import type { Site } from './site.ts'
import { createSites } from './site.ts'
import type { Route } from '../../ingress/route.ts'
import { routeOf, sha256 } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

interface Seen {
  status: number
  body: string
  retryAfter: string | undefined
}

async function seen(answer: Response | Promise<Response>): Promise<Seen> {
  const { status, headers } = await answer
  return { status, body: await (await answer).text(), retryAfter: headers.get('retry-after') ?? undefined }
}

const waiting = routeOf('waiting', { response: { mode: 'Reply' } })
const get = (path: string) => async (site: Site) => fetch(`http://127.0.0.1:${site.port}${path}`)

/** Serves one route and calls it. */
async function callOne(change: Parameters<typeof routeOf>[1], init?: RequestInit): Promise<Response> {
  const route = routeOf('one', change)
  return (await sites.start({ routes: [route] })).call(route, '', init)
}

async function callWith(verdict: Verdict | Error): Promise<Response> {
  const route = routeOf('one')
  const admit = () => (verdict instanceof Error ? Promise.reject(verdict) : Promise.resolve(verdict))
  const site = await sites.start({ routes: [route], wrap: (state) => ({ ...state, admit }) })
  return site.call(route)
}

async function callRaw(text: string, limits = {}): Promise<Response> {
  const site = await sites.start({ limits })
  const connection = await connectRaw(site.port)
  connection.write(text)
  const received = await connection.until(/\}$/)
  connection.destroy()
  const [head = '', body = ''] = received.split('\r\n\r\n')
  const [, status = ''] = head.split(' ')
  return new Response(body, { status: Number(status) })
}

async function callWaiting(act: (site: Site, replyId: string) => Promise<unknown>): Promise<Response> {
  const site = await sites.start({ routes: [waiting] })
  const call = site.call(waiting)
  await act(site, (await site.nextEvent()).reply?.id ?? '')
  return call
}

const address = (replyId: string) => ({ replyId, namespace: waiting.namespace })
const settle = (failed: boolean) =>
  callWaiting((site, id) => site.runner.settle(address(id), { runId: 'run', failed, total: 1 }))

const keyed: Route['once'] = {
  by: 'Header',
  header: 'idempotency-key',
  required: false,
  sameRequest: true,
  ttlMs: 60_000,
}

async function shakeHands(change: Parameters<typeof routeOf>[1], more = '', version = 13): Promise<Response> {
  const route = routeOf('one', change)
  const site = await sites.start({ routes: [route] })
  const connection = await connectRaw(site.port)
  const key = `Sec-WebSocket-Version: ${version}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`
  connection.write(
    `GET /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}${more}\r\n`,
  )
  const received = await connection.closed()
  return new Response(received.split('\r\n\r\n')[1], { status: Number(received.slice(9, 12)) })
}

/** The answer to a call that comes again while the first one waits. */
async function callAgain(once: Route['once']): Promise<Response> {
  const route = { ...waiting, ...(once ? { once } : {}) }
  const site = await sites.start({ routes: [route] })
  const headers = { 'idempotency-key': 'a' }
  const first = site.call(route, '', { headers })
  const event = await site.nextEvent()
  const second = await site.call(route, '', { headers })
  await site.reply(event, { kind: 'ended' })
  await first
  return second
}

/** How a caller comes to see each answer. */
const ways: Record<AnswerCode, () => Promise<Response>> = {
  Preflight: () =>
    callOne(
      { cors: { origins: ['*'], methods: ['GET'], headers: [] } },
      { method: 'OPTIONS', headers: { origin: 'https://a.example', 'access-control-request-method': 'GET' } },
    ),
  Suspended: () => callOne({ state: 'Suspended' }),
  Paused: () => callOne({ state: 'Paused' }),
  Malformed: () => callRaw('GET / HTTP/1.1\r\n\r\n'),
  IdempotencyKeyInvalid: () => callOne({ once: { ...keyed, required: true } }),
  Unauthorized: () => callOne({ auth: { bearer: [sha256('token')] } }),
  VerificationFailed: () => callOne({ verification: { type: 'GitHub', secrets: ['secret'] } }),
  NotFound: async () => get('/webhooks/unknown')(await sites.start({})),
  RequestTimeout: () =>
    callRaw('GET / HTTP/1.1\r\n', { headersTimeoutMs: 50, requestTimeoutMs: 100, timeoutCheckMs: 10 }),
  Repeated: () => callAgain({ ...keyed, sameRequest: false }),
  StillRunning: () => callAgain(keyed),
  PayloadTooLarge: () => callOne({ limits: { payloadBytes: 1 } }, { method: 'POST', body: 'xy' }),
  UrlTooLong: async () => get(`/${'x'.repeat(9_000)}`)(await sites.start({})),
  UnsupportedEncoding: () =>
    callOne({}, { method: 'POST', body: 'x', headers: { 'content-encoding': 'gzip' } }),
  ExpectationFailed: () => callRaw('GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\n\r\n'),
  IdempotencyKeyReused: async () => {
    const route = routeOf('one', { once: keyed })
    const site = await sites.start({ routes: [route] })
    const headers = { 'idempotency-key': 'a' }
    await site.call(route, '', { headers })
    return await site.call(route, '/elsewhere', { headers })
  },
  UpgradeRequired: () => callOne({ type: 'WebSocket' }),
  Throttled: () => callWith({ kind: 'throttled', retryAfterMs: 4_200 }),
  Crowded: () => callWith({ kind: 'crowded' }),
  HeadersTooLarge: () => callRaw(`GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`),
  Internal: () => callWith(new Error('a fault of ours')),
  HTTPRequired: () => shakeHands({}),
  OriginNotAllowed: () =>
    shakeHands(
      {
        type: 'WebSocket',
        webSocket: { allowedOrigins: ['https://a.example'], subprotocols: [], encoding: 'hex' },
      },
      'Origin: https://b.example\r\n',
    ),
  UnsupportedVersion: () => shakeHands({ type: 'WebSocket' }, '', 12),
  UnsupportedTransfer: () =>
    callRaw('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
  RunEnded: () => settle(false),
  RunFailed: () => settle(true),
  ReplyTooLarge: () =>
    callWaiting((site, id) =>
      site.runner.reply(address(id), { kind: 'reply', status: 200, headers: {}, body: 'x'.repeat(300_000) }),
    ),
  RouteUnavailable: () => callOne({ state: 'Unavailable' }),
  VerificationUnavailable: () =>
    callOne(
      { verification: { type: 'Square', secrets: ['secret'] } },
      { headers: { 'x-square-hmacsha256-signature': `${'A'.repeat(43)}=` } },
    ),
  StateUnavailable: () => callWith(new StateUnavailable('away')),
  Overloaded: async () => {
    const route = routeOf('one')
    const site = await sites.start({ routes: [route], limits: { heldBytes: 1_000 } })
    const connection = await connectRaw(site.port)
    const head = `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n`
    connection.write(head + 'x'.repeat(2_000))
    const [before = '', body] = (await connection.until(/\}$/)).split('\r\n\r\n')
    connection.destroy()
    const retryAfter = /retry-after: (\d+)/i.exec(before)?.[1] ?? ''
    return new Response(body, { status: Number(before.slice(9, 12)), headers: { 'retry-after': retryAfter } })
  },
  Backlogged: () => callWith({ kind: 'backlogged' }),
  ShuttingDown: () => callWaiting((site) => site.ingress.close({ deadlineMs: 0 })),
  ReplyTimeout: () => callWaiting((site) => site.clock.advance(60_050)),
}

describe('the table is what a caller sees', () => {
  test.each(Object.keys(ways) as AnswerCode[])('%s', async (code) => {
    const { status, body, retryAfter } = answers[code] as (typeof answers)[
      'Throttled' | 'Crowded' | 'NotFound']
    expect(await seen(ways[code]())).toEqual({
      status,
      body,
      retryAfter: retryAfter === 'exact' ? '5' : retryAfter?.toString(),
    })
  })
})

test('the table is what docs/answers.md says, row by row', async () => {
  const page = await readFile(new URL('../../docs/answers.md', import.meta.url), 'utf8')
  const rows = [
    ...page.matchAll(/^\| `(\w+)` +\| (\d{3}) +\| (?:`{1,2}(\{.*?\})`{1,2})? +\| *(\w*) *\| (\S.*) \|$/gm),
  ]
  const documented = rows.map(([, code, status, body = '', retryAfter, when]) => {
    expect(when).toBeTruthy()
    return [code, { status: Number(status), body, retryAfter }]
  })
  const served = Object.entries(answers).map(([code, answer]) => [
    code,
    {
      status: answer.status,
      body: answer.body,
      retryAfter: 'retryAfter' in answer ? String(answer.retryAfter) : '',
    },
  ])
  expect(documented).toEqual(served)
})
