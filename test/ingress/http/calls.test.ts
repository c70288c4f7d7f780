import { afterEach, describe, expect, test } from '@jest/globals'
import { createSites } from '../site.ts'
import { connectRaw } from '../raw.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('mode Immediate', () => {
  test('L08 answers at once with success, and the event is stored', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const answer = await site.call(route, '', { method: 'POST', body: '{"a":1}' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.json()).toEqual({ success: true })
    const event = await site.nextEvent()
    expect(answer.headers.get('x-hooklet-event-id')).toBe(event.id)
    expect(event.id).toMatch(uuidV7)
    expect(event).toMatchObject({
      time: new Date(site.clock.now()).toISOString(),
      type: 'http',
      webhook: { namespace: 'shop', name: 'orders' },
      method: 'post',
      path: '/',
      query: '',
      clientIP: '127.0.0.1',
      merged: false,
    })
    expect(event.reply).toBeUndefined()
    expect(event.body.toString()).toBe('{"a":1}')
  })

  test('the event names the Workflows that its route names', async () => {
    const workflows = [{ name: 'ship', uid: 'uid-of-ship', generation: 3 }]
    const site = await sites.start({ routes: [routeOf('orders', { workflows }), routeOf('former')] })
    await site.call(routeOf('orders'))
    expect((await site.nextEvent()).workflows).toEqual(workflows)
    // Of an operator that named none: that is not the same as naming nobody.
    await site.call(routeOf('former'))
    expect(await site.nextEvent()).not.toHaveProperty('workflows')
  })

  test('L09 the status, headers and body are those of the webhook', async () => {
    const response = {
      statusCode: 418,
      headers: { 'content-type': 'text/xml', 'x-kind': 'teapot' },
      body: '<Response/>',
    }
    const route = routeOf('tea', { response })
    const site = await sites.start({ routes: [route] })
    const answer = await site.call(route)
    expect(answer.status).toBe(418)
    expect(answer.headers.get('content-type')).toBe('text/xml')
    expect(answer.headers.get('x-kind')).toBe('teapot')
    expect(await answer.text()).toBe('<Response/>')
  })

  test('R09 a static content type that is not allowed becomes JSON, and the platform headers hold', async () => {
    const route = routeOf('page', {
      response: {
        headers: { 'content-type': 'text/html', 'x-content-type-options': 'none' },
        body: '<script>',
      },
    })
    const site = await sites.start({ routes: [route] })
    const { headers } = await site.call(route)
    expect(headers.get('content-type')).toBe('application/json')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-powered-by')).toBeNull()
  })

  test.each([204, 304])(
    '%d is sent without body and length, and the connection goes on',
    async (statusCode) => {
      const route = routeOf('quiet', { response: { statusCode } })
      const site = await sites.start({ routes: [route] })
      const connection = await connectRaw(site.port)
      const call = `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi`
      connection.write(call + call)
      const received = await connection.until(/HTTP\/1\.1[^]*HTTP\/1\.1[^]*\r\n\r\n$/)
      expect(received.match(new RegExp(`HTTP/1.1 ${statusCode} `, 'g'))).toHaveLength(2)
      expect(received).not.toMatch(/^content-length|^content-type:|^transfer-encoding|success/im)
      connection.destroy()
    },
  )

  test('HEAD is answered without the body, but starts a run', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const answer = await site.call(route, '', { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-length')).toBe('16')
    expect(await answer.text()).toBe('')
    expect((await site.nextEvent()).method).toBe('head')
  })

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('%s is as good as POST', async (method) => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route, '', { method })).status).toBe(200)
    expect((await site.nextEvent()).method).toBe(method.toLowerCase())
  })
})

describe('what a run sees', () => {
  test('L40 path and query after the token, as received', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const cases: [rest: string, path: string, query: string][] = [
      ['', '/', ''],
      ['/', '/', ''],
      ['?', '/', ''],
      ['/transition/up?location=52', '/transition/up', 'location=52'],
      ['?a=/b/c?d', '/', 'a=/b/c?d'],
      ['/a%2Fb%00//c;d?e=%zz+', '/a%2Fb%00//c;d', 'e=%zz+'],
    ]
    for (const [rest, path, query] of cases) {
      expect((await site.call(route, rest)).status).toBe(200)
      expect(await site.nextEvent()).toMatchObject({ path, query })
    }
  })

  test('no cookies and no credentials; repeated headers are joined; names in lower case', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(
      [
        `POST /webhooks/${route.token} HTTP/1.1`,
        'Host: x',
        'Cookie: a=b',
        'Authorization: Bearer secret',
        'Proxy-Authorization: Basic secret',
        'X-Event: one',
        'x-EVENT: two',
        'User-Agent: a',
        'User-Agent: b',
        '__proto__: x',
        'Constructor: y',
        'Content-Length: 0',
        '\r\n',
      ].join('\r\n'),
    )
    const { headers } = await site.nextEvent()
    expect(headers).toEqual({
      host: 'x',
      'x-event': 'one, two',
      'user-agent': 'a, b',
      constructor: 'y',
      'content-length': '0',
    })
    connection.destroy()
  })

  test('the body is what was sent, byte by byte, chunked or not', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256))
    await site.call(route, '', { method: 'POST', body: bytes })
    expect((await site.nextEvent()).body.equals(bytes)).toBe(true)

    const connection = await connectRaw(site.port)
    connection.write(
      `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    for (const byte of bytes)
      connection.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]))
    connection.write('0\r\n\r\n')
    expect((await site.nextEvent()).body.equals(bytes)).toBe(true)
    connection.destroy()
  })

  test('input: Merged is handed on to the runner', async () => {
    const route = routeOf('orders', { merged: true })
    const site = await sites.start({ routes: [route] })
    await site.call(route)
    expect((await site.nextEvent()).merged).toBe(true)
  })
})

describe('what is not found', () => {
  test('R05 a webhook is found by its token and by nothing else of it', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const unknown = [
      '/webhooks/unknown',
      `/webhooks/${route.uid}`,
      '/webhooks/orders',
      '/webhooks/shop/orders',
      `/webhooks/${route.token}x`,
      `/webhooks/${route.token.slice(1)}`,
      `/webhooks//${route.token}`,
      '/webhooks/',
      '/webhooks',
      `/v1/flow-webhook/${route.uid}`,
      `/WEBHOOKS/${route.token}`,
      `/${route.token}`,
      '/',
      '/%zz',
    ]
    for (const path of unknown) {
      const answer = await fetch(`http://127.0.0.1:${site.port}${path}`, { method: 'POST', body: 'x' })
      expect([path, answer.status, await answer.text()]).toEqual([path, 404, '{"error":"Not found"}'])
      expect(answer.headers.get('x-request-id')).toMatch(uuidV7)
    }
  })

  test('C19 a path after the token of an Exact webhook, and the answers do not differ', async () => {
    const route = routeOf('orders', { path: 'Exact', auth: { bearer: [sha256('t')] }, state: 'Unavailable' })
    const site = await sites.start({ routes: [route] })
    const answers = await Promise.all(['/more', '/', '/?a=b'].map((rest) => site.call(route, rest)))
    answers.push(await fetch(`http://127.0.0.1:${site.port}/webhooks/unknown`))
    const seen = await Promise.all(
      answers.map(async (answer) => {
        const headers = [...answer.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date')
        return { status: answer.status, headers, body: await answer.text() }
      }),
    )
    for (const one of seen) expect(one).toEqual(seen[0])
    expect(seen[0]).toMatchObject({ status: 404, body: '{"error":"Not found"}' })
    expect((await site.call(route, '?a=b')).status).toBe(503)
  })

  test('C02 C19 /v1/flow-webhook/<token> is every webhook without longer paths', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const url = `http://127.0.0.1:${site.port}/v1/flow-webhook/${route.token}`
    expect((await fetch(`${url}?value_1=123&value_2=test`)).status).toBe(200)
    expect(await site.nextEvent()).toMatchObject({ path: '/', query: 'value_1=123&value_2=test' })
    for (const rest of ['/', '/more', '0']) expect((await fetch(url + rest)).status).toBe(404)
  })

  test('a route that is taken out is gone with the next call', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route)).status).toBe(200)
    site.table.remove(route)
    expect((await site.call(route)).status).toBe(404)
  })
})

const header = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` })

describe('credentials', () => {
  test('L25 none asked for, any given', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route)).status).toBe(200)
    expect((await site.call(route, '', { headers: header('any:body') })).status).toBe(200)
  })

  test('L26 basic is asked of every call; the half that is not set is the empty string', async () => {
    const both = routeOf('both', { auth: { basic: sha256('ada:secret') } })
    const user = routeOf('user', { auth: { basic: sha256('ada:') } })
    const password = routeOf('password', { auth: { basic: sha256(':secret') } })
    const site = await sites.start({ routes: [both, user, password] })
    const expected = [
      [both, 'ada:secret', 200],
      [both, 'ada:', 401],
      [both, ':secret', 401],
      [user, 'ada:', 200],
      [user, 'ada:secret', 401],
      [password, ':secret', 200],
      [password, 'ada:secret', 401],
    ] as const
    for (const [route, pair, status] of expected) {
      expect([route.name, pair, (await site.call(route, '', { headers: header(pair) })).status]).toEqual([
        route.name,
        pair,
        status,
      ])
    }
    const answer = await site.call(both, '', { method: 'POST', body: 'x' })
    expect(answer.status).toBe(401)
    expect(await answer.json()).toEqual({ error: 'Unauthorized' })
    expect(answer.headers.get('www-authenticate')).toBe('Basic realm="hooklet", charset="UTF-8"')
  })

  test('C05 a bearer token, and both schemes side by side', async () => {
    const bearer = routeOf('bearer', { auth: { bearer: [sha256('one'), sha256('two')] } })
    const either = routeOf('either', { auth: { basic: sha256('ada:secret'), bearer: [sha256('one')] } })
    const site = await sites.start({ routes: [bearer, either] })
    const status = async (route: typeof bearer, authorization: string) =>
      (await site.call(route, '', { headers: { authorization } })).status
    expect(await status(bearer, 'Bearer two')).toBe(200)
    expect(await status(bearer, 'bearer one')).toBe(200)
    expect(await status(bearer, 'Bearer  one')).toBe(401)
    expect(await status(bearer, 'Bearer three')).toBe(401)
    expect(await status(either, 'Bearer one')).toBe(200)
    expect(await status(either, header('ada:secret').authorization)).toBe(200)
    expect(await status(either, 'Bearer two')).toBe(401)
    const refused = await site.call(either)
    expect(refused.headers.get('www-authenticate')).toBe(
      'Basic realm="hooklet", charset="UTF-8", Bearer realm="hooklet"',
    )
  })

  test('two Authorization headers are no credentials', async () => {
    const route = routeOf('orders', { auth: { bearer: [sha256('one')] } })
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    const line = 'Authorization: Bearer one\r\n'
    connection.write(
      `GET /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${line}${line}\r\n`,
    )
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 401 /)
  })
})

describe('routes that are not active', () => {
  const auth = { bearer: [sha256('token')] }
  const states = [
    ['R10', 'Suspended', 200, { success: true }],
    [
      'R12',
      'Paused',
      200,
      {
        status: 200,
        error: 'biz_logic',
        message: 'Flow status is `paused`. Unpause to run this flow using a webhook',
        data: null,
      },
    ],
    ['fail closed:', 'Unavailable', 503, { error: 'Webhook is not available' }],
  ] as const

  test.each(states)('%s %s answers %d and stores nothing, whatever comes', async (_, state, status, body) => {
    const route = routeOf('orders', { state, auth, limits: { rate: { requests: 1 } } })
    const active = routeOf('active')
    const site = await sites.start({ routes: [route, active] })
    for (const init of [{}, { method: 'POST', body: 'x'.repeat(300 * 1024) }]) {
      const answer = await site.call(route, '', init)
      expect(answer.status).toBe(status)
      expect(await answer.json()).toEqual(body)
      expect(answer.headers.get('x-hooklet-event-id')).toBeNull()
      expect(answer.headers.get('retry-after')).toBe(status === 503 ? '10' : null)
    }
    await site.call(active)
    expect((await site.nextEvent()).webhook.name).toBe('active')
  })

  test('C07 C08 paused does not accept, active again does', async () => {
    const route = routeOf('orders', { state: 'Paused' })
    const site = await sites.start({ routes: [route] })
    expect(await (await site.call(route)).text()).toBe(
      '{"status":200,"error":"biz_logic","message":"Flow status is `paused`. Unpause to run this flow using a webhook","data":null}',
    )
    site.table.put({ ...route, state: 'Active' })
    const answer = await site.call(route)
    expect((await site.nextEvent()).id).toBe(answer.headers.get('x-hooklet-event-id'))
  })
})

const handshake = (token: string) =>
  [
    `GET /webhooks/${token} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n')

describe('webhooks of type WebSocket, and handshakes', () => {
  test('a plain call is told what is required', async () => {
    const route = routeOf('socket', { type: 'WebSocket' })
    const site = await sites.start({ routes: [route] })
    const answer = await site.call(route)
    expect(answer.status).toBe(426)
    expect(answer.headers.get('upgrade')).toBe('websocket')
    expect(await answer.json()).toEqual({ error: 'This webhook accepts WebSocket connections only' })
  })

  test('R10 suspended it is not found', async () => {
    const route = routeOf('socket', { type: 'WebSocket', state: 'Suspended' })
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route)).status).toBe(404)
  })

  test('a handshake is answered by the type of the webhook, and the unknown stays unknown', async () => {
    const route = routeOf('orders')
    const socket = routeOf('socket', { type: 'WebSocket' })
    const site = await sites.start({ routes: [route, socket] })
    for (const [token, status] of [
      [route.token, 400],
      [socket.token, 101],
      ['unknown', 404],
    ] as const) {
      const connection = await connectRaw(site.port)
      connection.write(handshake(token))
      expect(await connection.until(/\r\n\r\n/)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      connection.destroy()
    }
  })

  test('an offer of HTTP/2 is ignored, as it may be', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(
      `GET /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
    )
    expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 200 /)
    connection.destroy()
  })
})

describe('ids and the log', () => {
  test('a sane X-Request-Id is kept, any other replaced', async () => {
    const route = routeOf('orders')
    const site = await sites.start({ routes: [route] })
    const id = async (given: string) =>
      (await site.call(route, '', { headers: { 'x-request-id': given } })).headers.get('x-request-id')
    expect(await id('req-1:2/3+4=5@6.7_8')).toBe('req-1:2/3+4=5@6.7_8')
    expect(await id('x'.repeat(128))).toBe('x'.repeat(128))
    for (const bad of ['x'.repeat(129), 'a b', 'ä', '{"a":1}']) expect(await id(bad)).toMatch(uuidV7)
  })

  test('a refused call is one line with its reason, and no line holds a token or a path', async () => {
    const route = routeOf('orders', { auth: { bearer: [sha256('secret')] } })
    const site = await sites.start({ routes: [route] })
    await site.call(route, '/some/path?a=b', {
      headers: { authorization: 'Bearer wrong', 'x-request-id': 'r1' },
    })
    await fetch(`http://127.0.0.1:${site.port}/webhooks/guessed-token/some/path`)
    expect(site.logged).toEqual([
      {
        level: 'debug',
        fields: { reason: 'Unauthorized', requestId: 'r1', namespace: 'shop', webhook: 'orders' },
        message: 'Call refused',
      },
      {
        level: 'debug',
        fields: { reason: 'NotFound', requestId: expect.stringMatching(uuidV7) },
        message: 'Call refused',
      },
    ])
    expect(JSON.stringify(site.logged)).not.toMatch(/token|some|wrong|secret/)
  })
})

test.each([
  ['is kept', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, true],
  ['that is none is dropped with its state', 'garbage', false],
])('a trace of the caller %s', async (_, traceparent, kept) => {
  const route = routeOf('traced')
  const site = await sites.start({ routes: [route] })
  await site.call(route, '', { headers: { traceparent, tracestate: 'a=1' } })
  const { headers } = await site.nextEvent()
  expect([headers['traceparent'], headers['tracestate']]).toEqual(
    kept ? [traceparent, 'a=1'] : [undefined, undefined],
  )
})
