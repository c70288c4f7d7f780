import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createWorkbench, workflow } from './harness.ts'

const bench = createWorkbench()
let server: Server
let base: string
let received: { request: IncomingMessage; body: string }[]
let respond: RequestListener

beforeEach(async () => {
  received = []
  respond = (_, response) => response.setHeader('content-type', 'application/json').end('{"ok": true}')
  server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ request, body })
      respond(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})
afterAll(() => bench.close())

const call = (args: object, more: object = {}): string =>
  workflow(
    `- ask: ${JSON.stringify({ call: 'http', with: { method: 'get', endpoint: `${base}/x`, ...args }, ...more })}`,
  )

test('method, headers, query and a JSON body', async () => {
  const { outcome } = await bench.run(
    call({
      method: 'post',
      endpoint: `${base}/x?a=1`,
      headers: { 'x-one': '${ .body.h }' },
      query: { b: 'two words', c: [1, 2] },
      body: { n: '${ .body.n }' },
    }),
    { body: { h: 'H', n: 5 } },
  )
  expect(outcome).toEqual({ kind: 'completed', output: { ok: true } })
  const [{ request, body }] = received as [{ request: IncomingMessage; body: string }]
  expect(request.method).toBe('POST')
  expect(Object.fromEntries(new URL(request.url ?? '', base).searchParams)).toMatchObject({
    a: '1',
    b: 'two words',
  })
  expect(request.headers).toMatchObject({
    'x-one': 'H',
    'content-type': expect.stringMatching(/^application\/json/),
  })
  expect(request.headers['idempotency-key']).toMatch(/^run-.*:\/do\/0\/ask:0$/)
  expect(JSON.parse(body)).toEqual({ n: 5 })
})

test.each([
  [
    'basic',
    { basic: { username: 'ada', password: 'pä ss' } },
    `Basic ${Buffer.from('ada:pä ss').toString('base64')}`,
  ],
  ['bearer', { bearer: { token: '${ .body }' } }, 'Bearer the-token'],
])('%s authentication', async (_, authentication, expected) => {
  await bench.run(call({ endpoint: { uri: `${base}/x`, authentication } }), { body: 'the-token' })
  expect(received[0]?.request.headers.authorization).toBe(expected)
})

test.each([
  ['content', { ok: true }],
  ['raw', Buffer.from('{"ok": true}').toString('base64')],
])('output: %s', async (output, expected) => {
  expect((await bench.run(call({ output }))).outcome).toEqual({ kind: 'completed', output: expected })
})

test('output: response has status and headers, too', async () => {
  respond = (_, response) => response.writeHead(201, { 'x-a': 'b', 'content-type': 'text/plain' }).end('T')
  expect((await bench.run(call({ output: 'response' }))).outcome).toMatchObject({
    kind: 'completed',
    output: { statusCode: 201, headers: { 'x-a': 'b' }, content: 'T' },
  })
})

describe('what goes wrong is an error of the workflow', () => {
  const failing = async (args: object, more?: object): Promise<unknown> =>
    (await bench.run(call(args, more))).outcome

  const kind = (type: string, status: number): object => ({
    kind: 'failed',
    error: { type: expect.stringMatching(`/${type}$`), status, instance: '/do/0/ask' },
  })

  test('a status other than 2xx', async () => {
    respond = (_, response) => response.writeHead(404).end()
    expect(await failing({})).toMatchObject(kind('communication', 404))
  })

  test('a redirect, unless they are followed', async () => {
    respond = (request, response) =>
      request.url === '/y' ? response.end('there') : response.writeHead(302, { location: '/y' }).end()
    expect(await failing({})).toMatchObject(kind('communication', 302))
    expect((await bench.run(call({ redirect: true }))).outcome).toEqual({
      kind: 'completed',
      output: 'there',
    })
  })

  test('nobody listens', async () => {
    const closed = createServer()
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
    const { port } = closed.address() as AddressInfo
    await new Promise((resolve) => closed.close(resolve))
    expect(await failing({ endpoint: `http://127.0.0.1:${port}/` })).toMatchObject(kind('communication', 500))
  })

  test('an answer that is too large', async () => {
    respond = (_, response) => response.end('x'.repeat(3 * 1024 * 1024))
    expect(await failing({})).toMatchObject({ kind: 'failed', error: { instance: '/do/0/ask' } })
  })

  test.each(['ftp://127.0.0.1/', 'no url', 'file:///etc/passwd'])('the endpoint %s', async (endpoint) => {
    const outcome = await bench
      .run(workflow(`- ask: {call: http, with: {method: get, endpoint: '\${ "${endpoint}" }'}}`))
      .then((trial) => trial.outcome)
    expect(outcome).toMatchObject({ kind: 'failed', error: { instance: '/do/0/ask' } })
    expect(received).toEqual([])
  })

  test('it can be tried again, with the same key', async () => {
    let attempts = 0
    respond = (_, response) => {
      attempts += 1
      if (attempts < 3) response.writeHead(503).end()
      else response.end('at last')
    }
    const { outcome, naps } = await bench.run(
      workflow(`
- t:
    try:
    - ask: {call: http, with: {method: post, endpoint: '${base}/x'}}
    catch:
      errors: {with: {status: 503}}
      retry: {delay: {milliseconds: 200}, backoff: {exponential: {}}, limit: {attempt: {count: 5}}}
`),
    )
    expect(outcome).toEqual({ kind: 'completed', output: 'at last' })
    expect(naps).toEqual([200, 400])
    expect(new Set(received.map(({ request }) => request.headers['idempotency-key'])).size).toBe(1)
  })
})

test('credentials of digits only are credentials', async () => {
  const manifests = [
    workflow(
      `
- ask:
    call: http
    with: {method: get, endpoint: {uri: '${base}/x', authentication: {basic: {use: box}}}}
- ask again:
    call: http
    with: {method: get, endpoint: {uri: '${base}/x', authentication: {bearer: {token: '\${ $globals.TOKEN }'}}}}
`,
      'use: {secrets: [box]}',
    ),
    "apiVersion: v1\nkind: Secret\nmetadata: {name: box}\nstringData: {username: '007', password: '12345678901234567890'}",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g, labels: {hooklet.dev/globals: 'true'}}\ndata: {TOKEN: '31415'}",
  ].join('\n---\n')
  const { outcome } = await bench.run(manifests)
  expect(outcome).toMatchObject({ kind: 'completed' })
  expect(received.map(({ request }) => request.headers.authorization)).toEqual([
    `Basic ${Buffer.from('007:12345678901234567890').toString('base64')}`,
    'Bearer 31415',
  ])
})

describe('call: reply', () => {
  const reply = { id: '0.r', mode: 'Reply' } as const

  test('status, headers and body; the output is the input', async () => {
    const { outcome, replies } = await bench.run(
      workflow(
        "- a: {set: {x: 1}}\n- r: {call: reply, with: {status: 201, headers: {x-y: z}, body: '${ . }'}}",
      ),
      { reply },
    )
    expect(replies).toEqual([{ kind: 'reply', status: 201, headers: { 'x-y': 'z' }, body: { x: 1 } }])
    expect(outcome).toEqual({ kind: 'completed', output: { x: 1 } })
  })

  test('L13 how it went is at $task.reply', async () => {
    const once = "{call: reply, with: {body: b}, output: {as: '${ {went: $task.reply} }'}}"
    const two = workflow(`- a: ${once}\n- b: ${once}`)
    expect((await bench.run(two, { reply })).outcome).toEqual({ kind: 'completed', output: { went: 'late' } })
    expect((await bench.run(two)).outcome).toEqual({ kind: 'completed', output: { went: 'gone' } })
  })

  test.each([
    ['a status that is none', "{status: '${ 99 }'}"],
    ['headers that are no object', "{headers: '${ [1] }'}"],
  ])('%s is a validation error', async (_, args) => {
    const { outcome } = await bench.run(workflow(`- r: {call: reply, with: ${args}}`), { reply })
    expect(outcome).toMatchObject({ kind: 'failed', error: { instance: '/do/0/r', status: 400 } })
  })
})

describe('a request of a run whose call belongs to a trace', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'vendor=1' }
  const sent = () => received.map(({ request }) => request.headers)

  test('belongs to it, as a span of its own', async () => {
    await bench.run(call({}), { headers })
    const [own] = sent()
    expect(own?.['traceparent']).toMatch(new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
    expect(own?.['tracestate']).toBe('vendor=1')
  })

  test('is the same span when it is repeated after a crash', async () => {
    await bench.run(call({}), { headers, dieAfter: 1 })
    await bench.run(call({}), { headers })
    const spans = sent().map((own) => own['traceparent'])
    expect(spans.length).toBeGreaterThanOrEqual(2)
    expect(spans.at(-1)).not.toBe(spans[0])
    expect(new Set(spans.slice(0, -1)).size).toBe(1)
  })

  test('belongs to another one where the workflow says so', async () => {
    await bench.run(call({ headers: { traceparent: 'own' } }), { headers })
    expect(sent()[0]?.['traceparent']).toBe('own')
  })

  test('has none when the call has none', async () => {
    await bench.run(call({}), {})
    expect(sent()[0]).not.toHaveProperty('traceparent')
  })
})
