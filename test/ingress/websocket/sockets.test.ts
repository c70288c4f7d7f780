import { afterEach, describe, expect, test } from '@jest/globals'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import { connectRaw } from '../raw.ts'
import { createSites } from '../site.ts'
import { sha256, routeOf } from '../support.ts'
import { eventsUntil, handshake, sendTo, socketRoute, urlOf } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

describe('events', () => {
  test('L07 connecting, each message and disconnecting are events of the request that opened it', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route, '/room/1?user=ada'), {
      headers: { Cookie: 'a=b', 'X-Device': '7' },
    })
    client.send('hello')
    client.send(Buffer.from([0, 255]))
    client.ws.close(4000, 'bye')
    const [connect, hello, bytes, end] = await eventsUntil(site, 'disconnect')
    expect(connect).toMatchObject({
      type: 'connect',
      webhook: { namespace: 'shop', name: 'chat' },
      method: 'get',
      path: '/room/1',
      query: 'user=ada',
      headers: { 'x-device': '7', upgrade: 'websocket' },
      clientIP: '127.0.0.1',
      body: Buffer.alloc(0),
    })
    expect(connect?.headers).not.toHaveProperty('cookie')
    const socket = connect?.socket
    expect(socket).toEqual({ id: expect.stringMatching(/^\d+\.ws-[\da-f-]{36}$/) })
    const rest = { ...connect, id: expect.any(String), time: expect.any(String) }
    expect(hello).toEqual({ ...rest, type: 'message', body: Buffer.from('hello') })
    const binary = { ...socket, binary: 'base64' }
    expect(bytes).toEqual({ ...rest, type: 'message', body: Buffer.from([0, 255]), socket: binary })
    const over = { ...socket, end: { statusCode: 4000, reason: 'bye' } }
    expect(end).toEqual({ ...rest, type: 'disconnect', socket: over })
    expect(new Set([connect, hello, bytes, end].map((event) => event?.id)).size).toBe(4)
    expect(client.headers).toMatchObject({
      'x-hooklet-event-id': connect?.id,
      'x-request-id': expect.any(String),
    })
    expect(client.headers).not.toHaveProperty('sec-websocket-extensions')
  })

  test('R07 an end without a close frame is 1006, one without a code 1005', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    for (const [end, statusCode] of [
      ['terminate', 1006],
      ['close', 1005],
    ] as const) {
      const client = await openSocket(urlOf(site, route))
      client.ws[end]()
      expect((await eventsUntil(site, 'disconnect')).at(-1)?.socket?.end).toEqual({ statusCode, reason: '' })
    }
  })

  test('L16 messages need no answer, and a message that came with the handshake is heard', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    // A masked text frame, right behind the request.
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])
    connection.write(Buffer.concat([Buffer.from(handshake(route.token)), frame, frame]))
    await connection.until(/101/)
    const events = [await site.nextEvent(), await site.nextEvent(), await site.nextEvent()]
    expect(events.map(({ type, body }) => [type, body.toString()])).toEqual([
      ['connect', ''],
      ['message', 'hi'],
      ['message', 'hi'],
    ])
    connection.destroy()
    await eventsUntil(site, 'disconnect')
  })

  test('what was said before a close is heard before it, however slow the state is', async () => {
    const route = socketRoute()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        receive: async (...args) => {
          await new Promise((resolve) => setImmediate(resolve))
          return state.receive(...args)
        },
      }),
    })
    const client = await openSocket(urlOf(site, route))
    for (let each = 0; each < 50; each += 1) client.send(String(each))
    client.ws.close(1000)
    const events = await eventsUntil(site, 'disconnect')
    expect(events.slice(1, -1).map(({ body }) => body.toString())).toEqual(
      Array.from({ length: 50 }, (_, each) => String(each)),
    )
  })
})

describe('what runs send', () => {
  test('L15 any number of messages, each one message, and the connection stays open', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    const event = await site.nextEvent()
    for (const text of ['one', '', '{"three":3}'])
      expect(await sendTo(site, event, { data: { text } })).toBe('sent')
    expect(await sendTo(site, event, { data: { base64: 'AP8=' } })).toBe('sent')
    expect([await client.next(), await client.next(), await client.next()]).toEqual([
      'one',
      '',
      '{"three":3}',
    ])
    expect(await client.next()).toEqual(Buffer.from([0, 255]))
    client.send('still here')
    expect((await site.nextEvent()).body.toString()).toBe('still here')
  })

  test('a message and the end of the connection, and then nobody is there', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    const event = await site.nextEvent()
    await sendTo(site, event, { data: { text: 'bye' }, close: { code: 4001, reason: 'enough' } })
    expect(await client.next()).toBe('bye')
    expect(await client.closed).toEqual({ code: 4001, reason: 'enough' })
    const end = await site.nextEvent()
    expect(end.socket?.end).toEqual({ statusCode: 4001, reason: 'enough' })
    expect(await sendTo(site, event, { data: { text: 'x' } })).toBe('gone')
  })

  test('what is sent before the handshake is done comes first behind it', async () => {
    const route = socketRoute()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        async connect(socket, opening) {
          const verdict = await state.connect(socket, opening)
          const delivery = await site.nextEvent()
          await sendTo(site, delivery, { data: { text: 'early' } })
          await new Promise((resolve) => setImmediate(resolve))
          return verdict
        },
      }),
    })
    expect(await (await openSocket(urlOf(site, route))).next()).toBe('early')
  })

  test('L14 a WebSocket webhook holds no caller back, whatever its response mode was', async () => {
    const route = socketRoute('chat', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    await openSocket(urlOf(site, route))
    expect((await site.nextEvent()).reply).toBeUndefined()
  })
})

describe('who may connect', () => {
  test('R10 unknown and suspended are 404, and so is what follows an exact path', async () => {
    const exact = socketRoute('exact', { path: 'Exact' })
    const suspended = socketRoute('suspended', { state: 'Suspended' })
    const site = await sites.start({ routes: [exact, suspended] })
    const unknown = urlOf(site, routeOf('unknown'))
    for (const url of [unknown, urlOf(site, suspended), urlOf(site, exact, '/more')])
      expect(await refusedSocket(url)).toMatchObject({ status: 404, body: '{"error":"Not found"}' })
    const client = await openSocket(urlOf(site, exact))
    expect(client.ws.readyState).toBe(1)
  })

  test('a webhook of type HTTP says so, one that is not available too', async () => {
    const http = routeOf('http')
    const closed = socketRoute('closed', { state: 'Unavailable' })
    const site = await sites.start({ routes: [http, closed] })
    expect(await refusedSocket(urlOf(site, http))).toMatchObject({ status: 400 })
    const refusal = await refusedSocket(urlOf(site, closed))
    expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '10' } })
  })

  test('R10 basic and bearer credentials are asked for', async () => {
    const auth = { basic: sha256('ada:secret'), bearer: [sha256('token')] }
    const route = socketRoute('chat', { auth })
    const site = await sites.start({ routes: [route] })
    const wrong = { headers: { authorization: 'Bearer wrong' } }
    for (const options of [{}, wrong])
      expect(await refusedSocket(urlOf(site, route), options)).toMatchObject({
        status: 401,
        body: '{"error":"Unauthorized"}',
        headers: { 'www-authenticate': expect.stringContaining('Basic') },
      })
    for (const options of [{ auth: 'ada:secret' }, { headers: { authorization: 'Bearer token' } }])
      expect((await openSocket(urlOf(site, route), options)).ws.readyState).toBe(1)
    expect(JSON.stringify(await site.nextEvent())).not.toContain('authorization')
  })

  test('pages of other origins are refused, callers that are no pages are not', async () => {
    const webSocket = { allowedOrigins: ['https://a.example'], subprotocols: [], encoding: 'hex' } as const
    const route = socketRoute('chat', {
      webSocket: { ...webSocket, allowedOrigins: [...webSocket.allowedOrigins], subprotocols: [] },
    })
    const site = await sites.start({ routes: [route] })
    for (const origin of ['https://b.example', 'null', 'http://a.example', 'https://a.example:8443'])
      expect(await refusedSocket(urlOf(site, route), { origin })).toMatchObject({ status: 403 })
    for (const options of [{ origin: 'https://a.example' }, { origin: 'https://A.Example' }, {}])
      expect((await openSocket(urlOf(site, route), options)).ws.readyState).toBe(1)
  })

  test('the first of its subprotocols that the client offers is chosen', async () => {
    const webSocket = { allowedOrigins: [], subprotocols: ['v2', 'v1'], encoding: 'hex' as const }
    const route = socketRoute('chat', { webSocket })
    const plain = socketRoute('plain')
    const site = await sites.start({ routes: [route, plain] })
    const chosen = async (...protocols: string[]) =>
      (await openSocket(urlOf(site, route), { protocols })).ws.protocol
    expect(await chosen('v1', 'v2')).toBe('v2')
    expect(await chosen('v0', 'v1')).toBe('v1')
    expect(await chosen()).toBe('')
    for (const [served, protocols] of [
      [route, 'v0'],
      [plain, 'v1'],
    ] as const) {
      const connection = await connectRaw(site.port)
      connection.write(handshake(served.token, `Sec-WebSocket-Protocol: ${protocols}\r\n`))
      expect(await connection.until(/\r\n\r\n/)).not.toMatch(/sec-websocket-protocol/i)
      connection.destroy()
    }
  })

  const malformed: [string, string, number][] = [
    ['another method', handshake('TOKEN').replace('GET', 'POST'), 400],
    ['no key', handshake('TOKEN').replace(/Sec-WebSocket-Key.*\r\n/, ''), 400],
    ['a bad key', handshake('TOKEN').replace('dGhlIHNhbXBsZSBub25jZQ==', 'short'), 400],
    ['another HTTP version', handshake('TOKEN').replace('HTTP/1.1', 'HTTP/1.0'), 400],
    ['a malformed subprotocol', handshake('TOKEN', 'Sec-WebSocket-Protocol: a b\r\n'), 400],
    ['white space of another kind', handshake('TOKEN', 'Sec-WebSocket-Protocol: a\u00a0\r\n'), 400],
    ['another version', handshake('TOKEN').replace('Version: 13', 'Version: 8'), 426],
    ['no version', handshake('TOKEN').replace(/Sec-WebSocket-Version.*\r\n/, ''), 426],
  ]
  test.each(malformed)('a handshake with %s is refused', async (_, text, status) => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(Buffer.from(text.replace('TOKEN', route.token), 'latin1'))
    const answer = await connection.closed()
    expect(answer).toContain('Content-Type: application/json')
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    if (status === 426) expect(answer).toContain('Sec-WebSocket-Version: 13')
    expect(await site.runner.read({ count: 1, blockMs: 0 })).toEqual([])
  })

  test('with a body it is a call', async () => {
    const route = socketRoute()
    const http = routeOf('http')
    const site = await sites.start({ routes: [route, http] })
    for (const [{ token }, status] of [
      [route, 426],
      [http, 200],
    ] as const) {
      const connection = await connectRaw(site.port)
      connection.write(`${handshake(token, 'Content-Length: 2\r\n')}hi`)
      expect(await connection.until(/\}$/)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      connection.destroy()
    }
  })
})
