/** What no HTTP client sends: every byte as written here, on a bare socket. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connectRaw } from '../raw.ts'
import type { Site } from '../site.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const route = routeOf('orders', { limits: { rate: { requests: 1000 } } })
const path = `/webhooks/${route.token}`
let site: Site
beforeEach(async () => {
  site = await sites.start({ routes: [route] })
})

/** A call with these header lines after Host. */
const get = (...lines: string[]) => [`GET ${path} HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n')
const post = (...lines: string[]) => get(...lines).replace('GET', 'POST')
const chunked = (body: string) => `${post('Transfer-Encoding: chunked')}${body}`

/** All that comes back until the server closes; `half`: with our side closed after the request. */
async function exchange(request: string, half = false): Promise<string> {
  const connection = await connectRaw(site.port)
  connection.write(Buffer.from(request, 'latin1'))
  if (half) connection.end()
  return connection.closed()
}

const answersIn = (received: string): string[] => received.match(/HTTP\/1\.1 \d{3}/g) ?? []

async function isQueueEmpty(): Promise<boolean> {
  return (await site.runner.read({ count: 1, blockMs: 0 })).length === 0
}

/** One answer, the end of the connection, nothing stored, and a server that goes on. */
async function expectRefusal(request: string, status: number): Promise<void> {
  const received = await exchange(request)
  expect(answersIn(received)).toEqual([`HTTP/1.1 ${status}`])
  expect(received.match(/(?<=\r\n)connection: [^\r]*/gi)).toEqual(['Connection: close'])
  expect(received).toMatch(/\r\nX-Content-Type-Options: nosniff\r\n[^]*\r\nX-Request-Id: \S+\r\n/)
  expect(received).toMatch(/\r\n\r\n\{"error":"[^"]+"\}$/)
  expect(await isQueueEmpty()).toBe(true)
  expect((await site.call(route)).status).toBe(200)
}

describe('a length that can be read in two ways', () => {
  test.each<[string, string]>([
    ['length, then chunks', post('Content-Length: 5', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    ['chunks, then length', post('Transfer-Encoding: chunked', 'Content-Length: 5') + '0\r\n\r\n'],
    [
      'a request hidden behind it',
      `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\nX${get()}`,
    ],
    ['two lengths', post('Content-Length: 1', 'Content-Length: 2') + 'xx'],
    ['the same length twice', post('Content-Length: 1', 'Content-Length: 1') + 'x'],
    ['a list of lengths', post('Content-Length: 1, 1') + 'x'],
    ['two numbers', post('Content-Length: 1 1') + 'x'],
    ['a plus', post('Content-Length: +1') + 'x'],
    ['a minus', post('Content-Length: -1') + 'x'],
    ['a hexadecimal length', post('Content-Length: 0x1') + 'x'],
    ['a fraction', post('Content-Length: 1.0') + 'x'],
    ['no number', post('Content-Length: ')],
    ['more than 64 bits', post('Content-Length: 99999999999999999999999')],
    ['chunked twice', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    ['chunked twice in a line', `${post('Transfer-Encoding: chunked, chunked')}0\r\n\r\n`],
    ['a coding after chunked', post('Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
    ['a vertical tab before chunked', post('Transfer-Encoding: \u000bchunked') + '0\r\n\r\n'],
    ['chunks in HTTP/1.0', chunked('0\r\n\r\n').replace('HTTP/1.1', 'HTTP/1.0')],
    ['a space before the colon', post('Content-Length : 1') + 'x'],
    ['a name in two lines', post('Content-', ' Length: 1') + 'x'],
    ['a value in two lines', post('Content-Length: 1', ' 0') + 'x'],
  ])('%s is a 400', async (_, request) => expectRefusal(request, 400))

  test.each([
    ['a coding before chunked', 'gzip, chunked'],
    ['identity', 'identity'],
    ['something like chunked', 'xchunked'],
  ])('%s is a 501, and nothing but that', async (_, coding) =>
    expectRefusal(`${post(`Transfer-Encoding: ${coding}`)}0\r\n\r\n`, 501),
  )
})

describe('chunks', () => {
  test.each<[string, string]>([
    ['a negative size', '-1\r\nx\r\n0\r\n\r\n'],
    ['a size with a prefix', '0x1\r\nx\r\n0\r\n\r\n'],
    ['more than 64 bits', `${'F'.repeat(18)}\r\nx\r\n0\r\n\r\n`],
    ['no size', '\r\nx\r\n0\r\n\r\n'],
    ['a blank behind the size', '1 \r\nx\r\n0\r\n\r\n'],
    ['more data than the size', '1\r\nxy\r\n0\r\n\r\n'],
    ['bare LF', '1\nx\n0\n\n'],
    ['a length in the trailer', '1\r\nx\r\n0\r\nContent-Length: 7\r\n\r\n'],
  ])('%s is a 400', async (_, body) => expectRefusal(chunked(body), 400))

  test('endless extensions are refused', async () => {
    const received = await exchange(chunked(`1;${'a'.repeat(70_000)}\r\nx\r\n0\r\n\r\n`))
    expect(received).toMatch(/^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n/)
    expect(await isQueueEmpty()).toBe(true)
  })

  test('what a trailer says is no header of the event', async () => {
    const connection = await connectRaw(site.port)
    connection.write(chunked('2;x=y\r\nhi\r\n0\r\nX-Role: admin\r\n\r\n'))
    await connection.until(/success/)
    const { headers, body } = await site.nextEvent()
    expect([headers['x-role'], body.toString()]).toEqual([undefined, 'hi'])
    connection.destroy()
  })
})

describe('lines and characters', () => {
  test.each<[string, string]>([
    ['bare LF throughout', get().replaceAll('\r\n', '\n')],
    ['one bare LF among the headers', get('A: b').replace('x\r\n', 'x\n')],
    ['a bare LF at the end', get('A: b').replace(/\r\n\r\n$/, '\r\n\n')],
    ['bare CR', get().replaceAll('\r\n', '\r')],
    ['a CR in a value', get('A: b\rc')],
    ['a folded line', get('A: b', ' c')],
    ['a blank before the first header', get().replace('Host', ' Host')],
    ['an empty name', get(': v')],
    ['no colon', get('abc')],
    ['a NUL in a value', get('A: b\0c')],
    ['a NUL in a name', get('A\0: b')],
    ['a NUL in the target', get().replace(' HTTP', '\0 HTTP')],
    ['another control character', get('A: \u0001')],
    ['DEL', get('A: \u007f')],
    ['bytes beyond ASCII in the target', get().replace(' HTTP', '/\u00ff\u00fe HTTP')],
    ['a backslash for a target', get().replace(path, '\\webhooks\\x')],
    ['a blank at the end of the request line', get().replace('HTTP/1.1', 'HTTP/1.1 ')],
    ['tabs in the request line', get().replaceAll(/(?<=GET) | (?=HTTP)/g, '\t')],
    ['a method in lower case', get().replace('GET', 'get')],
    ['an unknown method', get().replace('GET', 'FETCH')],
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a TLS handshake', '\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/2.0', get().replace('HTTP/1.1', 'HTTP/2.0')],
    ['HTTP/1.2', get().replace('HTTP/1.1', 'HTTP/1.2')],
    ['HTTP/3.7', get().replace('HTTP/1.1', 'HTTP/3.7')],
    ['a tunnel', get().replace(path, 'x:443').replace('GET', 'CONNECT')],
    ['no Host', get().replace('Host: x\r\n', '')],
    ['no Host with an absolute target', get().replace('Host: x\r\n', '').replace(path, `http://x${path}`)],
    ['two Hosts', get('Host: y')],
    ['the same Host twice', get('Host: x')],
    ['a Host with a blank', get().replace('Host: x', 'Host: x y')],
    ['a Host with a path', get().replace('Host: x', 'Host: x/@y')],
    ['a fragment', `${get().replace(path, `${path}/a#b`)}${get()}`],
  ])('%s is a 400', async (_, request) => expectRefusal(request, 400))

  test('a hundred thousand headers are a 431', async () =>
    expectRefusal(get(...Array.from({ length: 100_000 }, () => 'a: b')), 431))

  test('a header of a megabyte is a 431', async () => expectRefusal(get(`a: ${'b'.repeat(1 << 20)}`), 431))
})

describe('strange, but well-formed', () => {
  const other = 'GET /webhooks/'
  test.each<[string, string, number]>([
    ['a tab before a value', chunked('0\r\n\r\n').replace(': chunked', ':\tchunked'), 200],
    ['a coding in upper case', chunked('0\r\n\r\n').replace('chunked', 'CHUNKED'), 200],
    ['empty lines before the request', `\r\n\r\n${get()}`, 200],
    ['an empty Host', get().replace('Host: x', 'Host: '), 200],
    ['an IPv6 Host', get().replace('Host: x', 'Host: [2001:db8::1]:8080'), 200],
    ['a body on GET', `${get('Content-Length: 1')}x`, 200],
    ['bytes beyond ASCII in a value', get('A: \u00ff'), 200],
    ['names that objects have, too', get('__proto__: a', 'constructor: b', 'toString: c'), 200],
    [
      'an offer of HTTP/2',
      get('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AA'),
      200,
    ],
    ['Expect twice', `${post('Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 1')}x`, 200],
    ['an unknown expectation', get('Expect: coffee'), 417],
    ['OPTIONS *', get().replace(`GET ${path}`, 'OPTIONS *'), 404],
    ['an absolute target of another scheme', get().replace(path, `ftp://x${path}`), 404],
    ['dots before the path', get().replace(path, `/x/..${path}`), 404],
    ['a double slash', get().replace(path, `/${path}`), 404],
    ['an encoded token', get().replace(`${other}t`, `${other}%74`), 404],
    ['an encoded slash in the prefix', get().replace('/webhooks/', '/webhooks%2F'), 404],
    ['a token with a NUL, encoded', get().replace(' HTTP', '%00 HTTP'), 404],
  ])('%s', async (_, request, status) => {
    const connection = await connectRaw(site.port)
    connection.write(Buffer.from(request, 'latin1'))
    const received = await connection.until(/\}$/)
    expect(answersIn(received).at(-1)).toBe(`HTTP/1.1 ${status}`)
    expect(answersIn(received).filter((answer) => !answer.endsWith('100'))).toHaveLength(1)
    connection.destroy()
  })

  test('the path and query reach the event as they were received', async () => {
    const strange = '/%2e%2e/%2F/%zz/%/..//x;y=%00'
    const query = 'a=%zz&a=%F0%9F&__proto__=1&?=&&%00'
    const connection = await connectRaw(site.port)
    connection.write(get().replace(path, `${path}${strange}?${query}`))
    await connection.until(/success/)
    expect(await site.nextEvent()).toMatchObject({ path: strange, query })
    connection.destroy()
  })
})

describe('what follows a good call', () => {
  const waiting = routeOf('waiting', { response: { mode: 'Reply' } })
  const wait = get().replace(path, `/webhooks/${waiting.token}`)
  const reply = { kind: 'reply', status: 202, headers: {}, body: 'there' } as const

  test('garbage costs the connection, not the answer', async () => {
    expect(answersIn(await exchange(`${post('Content-Length: 1')}xGARBAGE\r\n\r\n`))).toEqual([
      'HTTP/1.1 200',
    ])
    expect((await site.nextEvent()).body.toString()).toBe('x')
    expect(await isQueueEmpty()).toBe(true)
  })

  test('a call behind `Connection: close` is nothing', async () => {
    expect(answersIn(await exchange(`${get('Connection: close')}${get()}`))).toEqual(['HTTP/1.1 200'])
    await site.nextEvent()
    expect(await isQueueEmpty()).toBe(true)
  })

  test('a call behind one that is refused is nothing', async () => {
    const faulty = [
      get('Host: y'),
      `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`,
      get().replace(' HTTP', `?${'&'.repeat(1_000)} HTTP`),
      get(...Array.from({ length: 128 }, () => 'a: b')),
    ]
    for (const request of faulty) expect(answersIn(await exchange(request + get()))).toHaveLength(1)
    expect(await isQueueEmpty()).toBe(true)
  })

  /** What comes back when it follows, at once, a call that is replied to afterwards. */
  async function behindWaiting(follows: string): Promise<string> {
    site = await sites.start({
      routes: [route, waiting],
      limits: { headersTimeoutMs: 100, requestTimeoutMs: 100, timeoutCheckMs: 20 },
    })
    const connection = await connectRaw(site.port)
    connection.write(wait + follows)
    const event = await site.nextEvent()
    // Half a request is over its time by then.
    const slow = await connectRaw(site.port)
    slow.write('GET')
    await slow.closed()
    await site.reply(event, reply)
    return connection.closed()
  }

  const handshake = get(
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  )
  test.each([
    ['garbage', '\0garbage\r\n\r\n'],
    ['half a call', 'GET /webhooks'],
    ['half a body', `${post('Content-Length: 5')}he`],
    ['a handshake of a WebSocket', handshake],
    ['a tunnel', get().replace(path, 'x:443').replace('GET', 'CONNECT')],
  ])('%s behind one that waits: its answer comes, and then the end', async (_, follows) => {
    const received = await behindWaiting(follows)
    expect(answersIn(received)).toEqual(['HTTP/1.1 202'])
    expect(received).toMatch(/there$/)
    expect(await isQueueEmpty()).toBe(true)
    expect((await site.call(route)).status).toBe(200)
  })

  test('a length beyond any body is refused once, whatever comes later', async () => {
    const connection = await connectRaw(site.port)
    connection.write(`${post('Content-Length: 9007199254740993')}hello`)
    await connection.until(/\}$/)
    connection.end()
    expect(answersIn(await connection.closed())).toEqual(['HTTP/1.1 413'])
  })
})

describe('a caller who closes its side', () => {
  test('after the request gets the answer, however long the state takes', async () => {
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        async admit(admission) {
          asked.resolve()
          await gate.promise
          return state.admit(admission)
        },
      }),
    })
    const connection = await connectRaw(site.port)
    connection.write(`${post('Content-Length: 1')}x`)
    connection.end()
    await asked.promise
    // A call that comes later is read later: by its answer the server knows of the end.
    expect((await fetch(`http://127.0.0.1:${site.port}/`)).status).toBe(404)
    gate.resolve()
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 [^]*\}$/)
    expect((await site.nextEvent()).body.toString()).toBe('x')
  })

  test('and waits for a reply has left', async () => {
    const waiting = routeOf('waiting', { response: { mode: 'Reply' } })
    site.table.put(waiting)
    const connection = await connectRaw(site.port)
    connection.write(get().replace(path, `/webhooks/${waiting.token}`))
    const event = await site.nextEvent()
    connection.end()
    expect(await connection.closed()).toBe('')
    expect(await site.reply(event, { kind: 'ended' })).not.toBe('first')
  })

  test('and has waited for a reply before, but does no more, gets the answer to its last call', async () => {
    const waiting = routeOf('waiting', { response: { mode: 'Reply' } })
    const gate = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    site = await sites.start({
      routes: [route, waiting],
      wrap: (state) => ({
        ...state,
        async admit(admission) {
          if (admission.lease === undefined) {
            asked.resolve()
            await gate.promise
          }
          return state.admit(admission)
        },
      }),
    })
    const connection = await connectRaw(site.port)
    connection.write(get().replace(path, `/webhooks/${waiting.token}`))
    await site.reply(await site.nextEvent(), { kind: 'reply', status: 201, headers: {}, body: 'replied' })
    await connection.until(/replied$/)
    connection.write(`${post('Content-Length: 1')}x`)
    connection.end()
    await asked.promise
    // By this answer the server knows of the end.
    expect((await fetch(`http://127.0.0.1:${site.port}/`)).status).toBe(404)
    gate.resolve()
    expect(answersIn(await connection.closed())).toEqual(['HTTP/1.1 201', 'HTTP/1.1 200'])
  })

  test.each([
    ['headers', get('A: b').slice(0, -8)],
    ['a body', `${post('Content-Length: 5')}x`],
    ['chunks', chunked('5\r\nx')],
  ])('in the middle of %s is told that this is no request, and nothing is stored', async (_, request) => {
    expect(answersIn(await exchange(request, true))).toEqual(['HTTP/1.1 400'])
    expect(await isQueueEmpty()).toBe(true)
  })

  test('without a word is left alone', async () => {
    expect(await exchange('', true)).toBe('')
  })
})
