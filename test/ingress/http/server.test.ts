import { afterEach, describe, expect, test } from '@jest/globals'
import { connectRaw } from '../raw.ts'
import type { RawConnection } from '../raw.ts'
import type { Site } from '../site.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const route = routeOf('orders')
const waitingRoute = routeOf('waiting', { response: { mode: 'Reply' } })
const call = (line: string, ...lines: string[]) => [line, 'Host: x', ...lines, '', ''].join('\r\n')

async function open(options: Parameters<typeof sites.start>[0] = {}): Promise<[Site, RawConnection]> {
  const site = await sites.start({ routes: [route, waitingRoute], ...options })
  return [site, await connectRaw(site.port)]
}

describe('pipelined calls', () => {
  test('are answered in their order, whichever is ready first', async () => {
    const [site, connection] = await open()
    connection.write(
      call(`GET /webhooks/${waitingRoute.token}/slow HTTP/1.1`, 'X-Request-Id: one') +
        call(`GET /webhooks/${route.token} HTTP/1.1`, 'X-Request-Id: two') +
        call('GET / HTTP/1.1', 'X-Request-Id: three') +
        call('GET /webhooks/unknown HTTP/1.1', 'X-Request-Id: four'),
    )
    const event = await site.nextEvent()
    await site.nextEvent()
    await site.reply(event, { kind: 'reply', status: 202, headers: {}, body: 'slow' })
    const received = await connection.until(/four[^]*Not found"}$/)
    expect(received.match(/(?<=HTTP\/1\.1 )\d+|(?<=X-Request-Id: )\w+/g)).toEqual([
      '202',
      'one',
      '200',
      'two',
      '404',
      'three',
      '404',
      'four',
    ])
    connection.destroy()
  })

  test('beyond the limit close the connection after the answers of those before', async () => {
    const [site, connection] = await open({ limits: { pipelinedRequests: 3 } })
    const one = call(`GET /webhooks/${route.token} HTTP/1.1`)
    connection.write(call(`GET /webhooks/${waitingRoute.token} HTTP/1.1`) + one.repeat(50))
    const event = await site.nextEvent()
    await site.reply(event, { kind: 'reply', status: 202, headers: {}, body: 'slow' })
    expect((await connection.closed()).match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(['202', '200', '200'])
  })

  test('are as many as a caller likes when it waits for answers in between', async () => {
    const [, connection] = await open({ limits: { pipelinedRequests: 2 } })
    const one = (id: string) => call(`GET /webhooks/${route.token} HTTP/1.1`, `X-Request-Id: ${id}`)
    connection.write(one('first'))
    for (let round = 0; round < 10; round += 1) {
      connection.write(one(`r${round}`))
      await connection.until(new RegExp(`X-Request-Id: r${round}\\r[^]*\\}$`))
    }
    expect((await connection.until(/r9/)).match(/HTTP\/1\.1 200/g)).toHaveLength(11)
    connection.destroy()
  })
})

describe('malformed requests get an answer of the table and lose the connection', () => {
  const body = 'Content-Length: 1'
  const cases: [what: string, request: string, status: number][] = [
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['an unknown version', 'GET / HTTP/3.7\r\nHost: x\r\n\r\n', 400],
    ['no Host', `GET /webhooks/${route.token} HTTP/1.1\r\n\r\n`, 400],
    ['two lengths', call('POST / HTTP/1.1', body, 'Content-Length: 2'), 400],
    ['length and chunks', call('POST / HTTP/1.1', body, 'Transfer-Encoding: chunked'), 400],
    ['a bad length', call('POST / HTTP/1.1', 'Content-Length: 1x'), 400],
    [
      'a bad chunk',
      `${call(`POST /webhooks/${route.token} HTTP/1.1`, 'Transfer-Encoding: chunked')}zz\r\n`,
      400,
    ],
    ['a space in a name', call('GET / HTTP/1.1', 'x y: z'), 400],
    ['a NUL in a value', call('GET / HTTP/1.1', 'x: a\u0000b'), 400],
    ['a header of 20 KB', call('GET / HTTP/1.1', `x: ${'y'.repeat(20_000)}`), 431],
    [
      'a thousand headers',
      call('GET / HTTP/1.1', ...Array.from({ length: 1000 }, (_, i) => `x${i}: y`)),
      431,
    ],
    [
      '129 headers',
      call('GET / HTTP/1.1', ...Array.from({ length: 128 }, (_, i) => `x${i}: y`), 'Connection: close'),
      431,
    ],
    ['a URL of 9 KB', call(`GET /webhooks/${'y'.repeat(9000)} HTTP/1.1`, 'Connection: close'), 414],
    ['an unknown expectation', call('GET / HTTP/1.1', 'Expect: the-best', 'Connection: close'), 417],
  ]
  test.each(cases)('%s', async (_, request, status) => {
    const [site, connection] = await open()
    connection.write(request)
    // Where the parser found the request whole, the connection may go on.
    const received = await connection.until(/\}$/)
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*\r\n`))
    expect(received).toMatch(/\r\nContent-Type: application\/json\r\n/)
    expect(received).toMatch(/\r\nX-Request-Id: \S+\r\n/)
    expect(received).toMatch(/\{"error":"[^"]+"\}$/)
    connection.destroy()
    expect((await site.call(route)).status).toBe(200)
  })
})

describe('slow callers', () => {
  const limits = { headersTimeoutMs: 100, requestTimeoutMs: 200, timeoutCheckMs: 20 }

  test('headers that never end are a 408', async () => {
    const [, connection] = await open({ limits })
    connection.write('POST / HTTP/1.1\r\nHost: x\r\n')
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 408 [^]*"Request not received in time"/)
  })

  test('a body that never ends is a 408, and nothing of it is stored', async () => {
    const [site, connection] = await open({ limits })
    connection.write(`${call(`POST /webhooks/${route.token} HTTP/1.1`, 'Content-Length: 10')}12345`)
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 408 /)
    await site.call(route, '/next')
    expect((await site.nextEvent()).path).toBe('/next')
  })

  test('a wait for a reply is not mistaken for slowness', async () => {
    const [site, connection] = await open({ limits })
    connection.write(`${call(`POST /webhooks/${waitingRoute.token} HTTP/1.1`, 'Content-Length: 2')}hi`)
    const event = await site.nextEvent()
    const slow = await connectRaw(site.port)
    slow.write('POST / HTTP/1.1\r\n')
    await slow.closed()
    await site.reply(event, { kind: 'reply', status: 200, headers: {}, body: 'there' })
    expect(await connection.until(/there$/)).toMatch(/^HTTP\/1\.1 200 /)
    connection.destroy()
  })

  test('a body cut off in the middle is nothing', async () => {
    const [site, connection] = await open()
    connection.write(`${call(`POST /webhooks/${route.token} HTTP/1.1`, 'Content-Length: 10')}12345`)
    connection.destroy()
    await connection.closed()
    await site.call(route, '/next')
    expect((await site.nextEvent()).path).toBe('/next')
  })
})

const head = (token: string, length: number) =>
  call(`POST /webhooks/${token} HTTP/1.1`, 'Expect: 100-continue', `Content-Length: ${length}`)

describe('Expect: 100-continue', () => {
  test('a body that is wanted is asked for', async () => {
    const [site, connection] = await open()
    connection.write(head(route.token, 2))
    await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    connection.write('hi')
    await connection.until(/HTTP\/1\.1 200 [^]*\}$/)
    expect((await site.nextEvent()).body.toString()).toBe('hi')
    connection.destroy()
  })

  test('HTTP/1.0 knows no interim answers', async () => {
    const [, connection] = await open()
    connection.write(
      `POST /webhooks/${route.token} HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi`,
    )
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test.each([
    ['unknown', 2, 404],
    [route.token, 300_000, 413],
  ])('a body that is not wanted is not: %s, %d bytes', async (token, length, status) => {
    const [, connection] = await open()
    connection.write(head(token, length))
    expect(await connection.until(/\}$/)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    connection.destroy()
  })
})

describe('forms of a request', () => {
  test('HTTP/1.0 without Host is answered and closed', async () => {
    const [, connection] = await open()
    connection.write(`POST /webhooks/${route.token} HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi`)
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('an absolute target means the same', async () => {
    const [site, connection] = await open()
    connection.write(call(`GET http://example.com/webhooks/${route.token}/a?b HTTP/1.1`))
    expect(await site.nextEvent()).toMatchObject({ path: '/a', query: 'b' })
    connection.write(call('GET http://example.com/ HTTP/1.1', 'Connection: close'))
    expect(await connection.closed()).toMatch(/HTTP\/1\.1 404 /)
  })
})
