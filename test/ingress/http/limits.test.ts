import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from '@jest/globals'
import { connectRaw } from '../raw.ts'
import type { Site } from '../site.ts'
import { createSites } from '../site.ts'
import type { Route } from '../../../ingress/route.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

/** The statuses of that many calls made at once. */
async function statuses(site: Site, route: Route, count: number): Promise<number[]> {
  const answers = await Promise.all(
    Array.from({ length: count }, async () => {
      const answer = await site.call(route)
      await answer.arrayBuffer()
      return answer.status
    }),
  )
  return answers
}

const of = (list: number[], status: number) => list.filter((one) => one === status).length

/** Eleven bytes, their number not declared. */
const elevenBytes = () =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(11))
      controller.close()
    },
  })

describe('the rate', () => {
  test('L32 L34 of 101 calls at once 100 pass and one is told when to come again', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const all = await statuses(site, route, 101)
    expect([of(all, 200), of(all, 429)]).toEqual([100, 1])

    await site.clock.advance(3_500)
    const refused = await site.call(route)
    expect(refused.status).toBe(429)
    expect(await refused.json()).toEqual({ error: 'Over rate limit, request throttled' })
    expect(refused.headers.get('x-hooklet-event-id')).toBeNull()
    // 6.5 s are left of the window's 10.
    expect(refused.headers.get('retry-after')).toBe('7')

    await site.clock.advance(6_499)
    const early = await site.call(route)
    expect([early.status, early.headers.get('retry-after')]).toEqual([429, '1'])
    await site.clock.advance(1)
    expect((await site.call(route)).status).toBe(200)
  })

  test('L32 the window slides: what was called late counts late', async () => {
    const route = routeOf('orders', { limits: { rate: { requests: 2, windowMs: 10_000 } } })
    const site = await sites.start({ routes: [route] })
    await site.call(route)
    await site.clock.advance(9_000)
    await site.call(route)
    await site.clock.advance(1_000)
    expect((await site.call(route)).status).toBe(200)
    const refused = await site.call(route)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '9'])
  })

  test('one webhook does not use up the room of another', async () => {
    const [a, b] = [routeOf('a'), routeOf('b')]
    const site = await sites.start({ routes: [a, b] })
    await statuses(site, a, 100)
    expect((await site.call(a)).status).toBe(429)
    expect((await site.call(b)).status).toBe(200)
  })

  test('C03 C04 per: ClientIP counts a caller across the webhooks of the namespace with the same setting', async () => {
    const limits = { rate: { requests: 300, windowMs: 300_000, per: 'ClientIP' } } as const
    const routes = ['a', 'b'].map((name) => routeOf(name, { limits }))
    const [a, b] = routes as [Route, Route]
    const other = routeOf('other', { namespace: 'bank', limits })
    const site = await sites.start({ routes: [...routes, other] })
    const all = [...(await statuses(site, a, 150)), ...(await statuses(site, b, 150))]
    expect(of(all, 200)).toBe(300)
    await site.clock.advance(60_000)
    const refused = await site.call(b)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '240'])
    expect((await site.call(other)).status).toBe(200)
    await site.clock.advance(240_000)
    expect((await site.call(a)).status).toBe(200)
  })

  test('comes before credentials and body, and counts what these refuse', async () => {
    const route = routeOf('orders', {
      auth: { bearer: [sha256('token')] },
      limits: { rate: { requests: 2 }, payloadBytes: 10 },
    })
    const site = await sites.start({ routes: [route] })
    const authorization = 'Bearer token'
    const refusals = [
      { method: 'POST', body: 'x' },
      { method: 'POST', body: elevenBytes(), duplex: 'half', headers: { authorization } },
    ]
    const seen: number[] = []
    for (const init of refusals) seen.push((await site.call(route, '', init as RequestInit)).status)
    expect(seen).toEqual([401, 413])
    for (const init of [
      {},
      { headers: { authorization } },
      { method: 'POST', body: elevenBytes(), duplex: 'half', headers: { authorization } },
    ]) {
      expect((await site.call(route, '', init as RequestInit)).status).toBe(429)
    }
    // The declared length comes first.
    expect((await site.call(route, '', { method: 'POST', body: 'x'.repeat(11) })).status).toBe(413)
  })
})

describe('the connections', () => {
  test('L36 of 101 callers who wait at once one is refused, and a place that becomes free is given away', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' }, limits: { rate: { requests: 1000 } } })
    const site = await sites.start({ routes: [route] })
    const calls = Array.from({ length: 101 }, () => site.call(route))
    const first = await Promise.race(calls)
    expect(first.status).toBe(429)
    expect(first.headers.get('retry-after')).toBe('1')
    expect(await first.json()).toEqual({ error: 'Too many concurrent connections' })

    const reply = { kind: 'reply', status: 201, headers: {}, body: null } as const
    const event = await site.nextEvent()
    expect(await site.reply(event, reply)).toBe('first')
    const answered = await Promise.race(
      calls.map(async (call) => ((await call).status === 201 ? 201 : new Promise(() => {}))),
    )
    expect(answered).toBe(201)

    const next = site.call(route)
    for (let i = 0; i < 100; i++) await site.reply(await site.nextEvent(), reply)
    expect((await next).status).toBe(201)
    const all = await Promise.all(calls)
    expect([
      of(
        all.map((answer) => answer.status),
        201,
      ),
      of(
        all.map((answer) => answer.status),
        429,
      ),
    ]).toEqual([100, 1])
  })

  test('mode Immediate takes none', async () => {
    const route = routeOf('orders', { limits: { connections: 1 } })
    const site = await sites.start({ routes: [route] })
    expect(of(await statuses(site, route, 20), 200)).toBe(20)
  })
})

describe('the payload', () => {
  const limit = 256 * 1024

  test('L37 L38 256 KiB pass, one byte more is too large, by what is declared', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const post = (bytes: number) => site.call(route, '', { method: 'POST', body: Buffer.alloc(bytes, 'x') })
    expect((await post(limit)).status).toBe(200)
    expect((await site.nextEvent()).body.length).toBe(limit)
    const refused = await post(limit + 1)
    expect(refused.status).toBe(413)
    expect(refused.headers.get('connection')).toBe('close')
    expect(await refused.json()).toEqual({ error: 'Payload too large' })
  })

  test('L38 what is declared is refused before a byte of it is read', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(
      `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n`,
    )
    expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 413 /)
    // The answer has time to be read; then the connection is closed.
    await site.clock.advance(2_000)
    await connection.closed()
  })

  test('L38 what is not declared is refused at the limit, and no more of it is taken', async () => {
    const route = routeOf('orders', { limits: { payloadBytes: 1000 } })
    const site = await sites.start({ routes: [route], limits: { lingerBytes: 5000 } })
    const connection = await connectRaw(site.port)
    connection.write(
      `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const chunk = `64\r\n${'x'.repeat(100)}\r\n`
    connection.write(chunk.repeat(10))
    connection.write('1\r\nx\r\n')
    expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/i)
    // Thrown away, up to a bound.
    connection.write(chunk.repeat(60))
    await connection.closed()
  })

  test('L38 who reads no answer before the whole body is sent gets it all the same', async () => {
    const route = routeOf('orders', { limits: { payloadBytes: 1000 } })
    const site = await sites.start({ routes: [route] })
    const length = 4 * 1024 * 1024
    const socket = connect(site.port, '127.0.0.1')
    const head = `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
    // Rejects when the connection is reset meanwhile.
    await promisify((whole: string, sent: (error?: Error | null) => void) => socket.write(whole, sent))(
      head + 'x'.repeat(length),
    )
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 [^]*\}$/)
  })

  test('L38 the exact limit in chunks passes', async () => {
    const route = routeOf('orders', { limits: { payloadBytes: 1000 } })
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(
      `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    connection.write(`64\r\n${'x'.repeat(100)}\r\n`.repeat(10))
    connection.write('0\r\n\r\n')
    expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 200 /)
    expect((await site.nextEvent()).body.length).toBe(1000)
    connection.destroy()
  })

  test('a short body that is refused does not cost the connection', async () => {
    const route = routeOf('orders', { auth: { bearer: [sha256('token')] } })
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    const head = `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n`
    connection.write(`${head}\r\n`)
    expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 401 /)
    connection.write('12345')
    connection.write(`${head}Authorization: Bearer token\r\n\r\n12345`)
    expect(await connection.until(/success/)).toMatch(/HTTP\/1\.1 200 /)
    connection.destroy()
  })

  test('an encoded body is not decoded', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const status = async (encoding: string) =>
      (await site.call(route, '', { method: 'POST', body: 'x', headers: { 'content-encoding': encoding } }))
        .status
    expect(await status('gzip')).toBe(415)
    expect(await status('identity, gzip')).toBe(415)
    expect(await status('Identity')).toBe(200)
  })
})
