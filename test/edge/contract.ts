/** What Hooklet needs of whatever stands in front of it, shown on the real thing: the same tests for each. */
import { request } from 'node:http'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startLoad } from '../support/load.ts'
import { until } from '../support/until.ts'
import { createCaller } from './door.ts'
import type { Answer, Call, Caller, Door } from './door.ts'
import type { Pods } from './pods.ts'

export interface Edge {
  pods: Pods
  door: Door
  /** One whose callers wait a second at most: all else is as the page says. */
  impatient?: Door
  /** One that stands behind a load balancer, at 127.0.0.3. */
  balanced?: Door
  /** Replaces all pods, one after another, as a rolling update does. */
  replacePods(): Promise<void>
  /** What its programs said last, for when a test fails. */
  log(): string
}

export interface EdgeOptions {
  /**
   * Whether it asks pods if they are ready. One that does not may send a call to a pod that is gone: then the
   * caller is told, and what others were told is true.
   */
  asks: boolean
  /** The doors that it has besides. */
  besides: 'impatient' | 'balanced'
  /** Whether it writes `~` for `%7E`, which is the same to RFC 3986, and not to a signature. */
  decodes?: boolean
  /** What callers are told whose body is too large; who still sends may find the connection closed. */
  tooLarge?: RegExp
}

export const TOO_LARGE = /^(413 |Error: )/

/** Registers the tests; `find` is asked when they run. */
export function expectEdge(
  { asks, besides, decodes = false, tooLarge = TOO_LARGE }: EdgeOptions,
  find: () => Edge,
): void {
  let edge: Edge
  let caller: Caller
  beforeAll(async () => {
    edge = find()
    caller = createCaller(edge.door)
    await until(async () => (await outcome(caller.call(edge.pods.pathOf('echo')))).startsWith('200'), {
      withinMs: 30_000,
      why: () => edge.log(),
    })
  })
  afterAll(() => caller?.close())

  const echo = async (path: string, call?: Call, by = caller): Promise<Echo> => {
    const answer = await by.call(`${edge.pods.pathOf('echo')}${path}`, call)
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 })
    return JSON.parse(answer.text) as Echo
  }

  const post = (webhook: string, n: number, by = caller): Promise<Answer> =>
    by.call(edge.pods.pathOf(webhook), { method: 'POST', body: JSON.stringify({ n }) })

  test.each([
    ['GET', '/orders/7?a=1&a=2&b=%20x+y&c=%2F%3D', ''],
    ['POST', '//twice/a%2Fb/../c/%C3%A9?signed=a%2Bb', '{"n": 1.0, "text": "\\u00e9 é"}\n'],
    ['PUT', '/%E2%82%AC;v=1/a+b', 'plain\r\ntext'],
    ['DELETE', '', ''],
  ])('%s %s comes through as it was sent', async (method, path, body) => {
    const call = { method, ...(body === '' ? {} : { body }) }
    const there = await echo(path, call)
    expect(there).toEqual({ ...(await direct(edge, path, call)), clientIP: '127.0.0.2' })
    expect(there.host).toBe(edge.door.host)
  })

  test(`escapes that are not needed are ${decodes ? 'decoded' : 'kept'}`, async () => {
    expect((await echo('/%7Eme')).path).toBe(decodes ? '/~me' : '/%7Eme')
  })

  test('both kinds of paths lead to Hooklet, and no other', async () => {
    const [, token = ''] = edge.pods.pathOf('echo').split('/webhooks/')
    const ours = { error: 'Not found' }
    expect((await caller.call(`/v1/flow-webhook/${token}`)).status).toBe(200)
    expect(JSON.parse((await caller.call('/webhooks/none')).text)).toEqual(ours)
    for (const path of ['/', '/metrics', '/readyz', '/v1/other'])
      expect([path, (await caller.call(path)).text]).not.toEqual([path, expect.stringContaining(ours.error)])
  })

  test('the caller is who calls, and not who he says that he is', async () => {
    expect((await echo('')).clientIP).toBe('127.0.0.2')
    expect((await echo('', { from: '127.0.0.4' })).clientIP).toBe('127.0.0.4')
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-real-ip': '203.0.113.9',
      forwarded: 'for=203.0.113.9',
    }
    expect((await echo('', { headers })).clientIP).toBe('127.0.0.2')
  })

  if (besides === 'balanced')
    test('behind a load balancer, the caller is whom that one names', async () => {
      const balancer = createCaller(edge.balanced ?? edge.door)
      const headers = { 'x-forwarded-for': '192.0.2.1, 203.0.113.9' }
      try {
        expect((await echo('', { headers, from: '127.0.0.3' }, balancer)).clientIP).toBe('203.0.113.9')
        expect((await echo('', { headers, from: '127.0.0.4' }, balancer)).clientIP).toBe('127.0.0.4')
      } finally {
        balancer.close()
      }
    })

  test('a body of 4 MiB is taken, a larger one is not', async () => {
    const send = (length: number): Promise<Answer> =>
      caller.call(edge.pods.pathOf('measure'), { method: 'POST', body: Buffer.alloc(length, 'a') })
    expect(await outcome(send(4 << 20))).toBe(`200 ${4 << 20}`)
    expect(await outcome(send((4 << 20) + 1))).toMatch(tooLarge)
  })

  test('a WebSocket is opened, and speaks both ways', async () => {
    const socket = await caller.socket(edge.pods.pathOf('chat'))
    expect(JSON.parse(String(await socket.next()))).toMatchObject({ type: 'welcome' })
    socket.send('hello')
    expect(JSON.parse(String(await socket.next()))).toEqual({ type: 'echo', text: 'hello' })
    socket.ws.close(1000)
    expect((await socket.closed).code).toBe(1000)
  })

  test('it waits for an answer', async () => {
    expect(await outcome(post('slow', 0))).toBe('200 at last')
  })

  if (besides === 'impatient')
    test('it waits for as long as the page sets', async () => {
      const other = createCaller(edge.impatient ?? edge.door)
      expect(await outcome(post('slow', 0, other))).toMatch(/^50[24] /)
      other.close()
    })

  test('a call whose pod dies is not sent a second time', async () => {
    const n = 1000
    const answered = outcome(post('slow', n))
    await edge.pods.effects.reached('slow', [n])
    const before = [...edge.pods.running]
    await Promise.all(before.map(([, member]) => member.kill()))
    expect(await answered).not.toMatch(/^200/)
    await Promise.all(before.map(([address]) => edge.pods.start(address)))
    await until(async () => (await outcome(caller.call(edge.pods.pathOf('echo')))).startsWith('200'))
    expect(edge.pods.effects.effects.filter((effect) => effect.n === n)).toHaveLength(1)
  })

  const failing = asks ? 'no call fails, ' : ''
  test(`pods are replaced under load: ${failing}none is lost, and WebSockets are closed with 1012`, async () => {
    const sockets = await Promise.all(
      Array.from({ length: 6 }, () => caller.socket(edge.pods.pathOf('chat'))),
    )
    const first = 10_000
    const accepted: number[] = []
    const load = startLoad(
      4,
      async (count) => {
        const n = first + count
        const said = await outcome(post('stored', n))
        if (!said.startsWith('200')) return `${n}: ${said}`
        accepted.push(n)
        return undefined
      },
      { everyMs: 10 },
    )
    try {
      await load.served(50)
      // It knows both of them again.
      await Promise.all([...edge.pods.running.keys()].map(edge.pods.called))
      await edge.replacePods()
      await load.served(50)
    } finally {
      await load.stop()
    }
    if (asks) expect(load.wrong).toEqual([])
    expect(load.wrong.length).toBeLessThan(accepted.length / 10)
    await edge.pods.effects.reached('stored', accepted)
    expect(await Promise.all(sockets.map(async ({ closed }) => (await closed).code))).toEqual(
      sockets.map(() => 1012),
    )
    const again = await caller.socket(edge.pods.pathOf('chat'))
    expect(JSON.parse(String(await again.next()))).toMatchObject({ type: 'welcome' })
    again.ws.terminate()
  })
}

interface Echo {
  method: string
  path: string
  query: object
  body: unknown
  clientIP: string
  host: string
}

/** The same call, to a pod itself. */
async function direct(edge: Edge, path: string, { method = 'GET', body }: Call): Promise<Echo> {
  const [pod] = edge.pods.running.values()
  const { hostname, port } = new URL(pod?.url ?? '')
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const outgoing = request({
    host: hostname,
    port,
    method,
    path: `${edge.pods.pathOf('echo')}${path}`,
    headers: { host: edge.door.host, ...length },
  })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  return JSON.parse(await text(response)) as Echo
}

/** `STATUS TEXT`, or why there is no answer. */
async function outcome(answer: Promise<Answer>): Promise<string> {
  return answer.then(
    ({ status, text }) => `${status} ${text}`,
    (error: unknown) => String(error),
  )
}
