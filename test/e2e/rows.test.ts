/**
 * The requirements on HTTP webhooks, row by row, through the whole of Hooklet: manifests in a folder, real
 * calls, workflows that run. What depends on long times is shown in test/ingress with a clock moved by hand.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { startFolder } from '../support/dev.ts'
import type { ServedFolder } from '../support/dev.ts'

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

interface Call {
  method?: string
  headers?: Record<string, string>
  body?: string
}
interface Answered {
  status: number
  headers: Headers
  text: string
  json: unknown
}
type CallHook = (suffix?: string, call?: Call) => Promise<Answered>

interface Hook {
  server: ServedFolder
  call: CallHook
}

/**
 * Serves a Webhook `hook` with this spec, and a Workflow for each list of tasks (all JSON, which is YAML).
 */
async function serve(spec: object, workflows: (object[] | { spec: object })[] = []): Promise<Hook> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-rows-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  const objects = [
    { apiVersion: 'hooklet.dev/v1alpha1', kind: 'Webhook', metadata: { name: 'hook' }, spec },
    ...workflows.map((workflow, index) => ({
      apiVersion: 'hooklet.dev/v1alpha1',
      kind: 'Workflow',
      metadata: { name: `w${index}` },
      spec: Array.isArray(workflow) ? { triggers: [{ webhook: 'hook' }], do: workflow } : workflow.spec,
    })),
    ...EXTRAS,
  ]
  await writeFile(
    path.join(folder, 'all.yaml'),
    objects.map((object) => JSON.stringify(object)).join('\n---\n'),
  )
  const server = await startFolder(folder)
  cleanup.push(() => server.stop())
  expect(server.faults).toEqual([])
  return { server, call: caller(server.placeholder('hook') ?? '') }
}

const EXTRAS = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', labels: { 'hooklet.dev/globals': 'true' } },
    data: { USER: 'ada', LIMIT: '{"qty": 5}' },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'globals', labels: { 'hooklet.dev/globals': 'true' } },
    stringData: { PASSWORD: 'pâss:wörd' },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token' },
    stringData: { bearer: 'ey-some-long-token' },
  },
]

function caller(url: string): CallHook {
  return async (suffix = '', call = {}) => {
    const response = await fetch(url + suffix, { method: 'POST', ...call })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const basic = (credentials: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
})
const json = (value: unknown): Call => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})
const reply = (body: unknown, more: object = {}): object => ({
  answer: { call: 'reply', with: { body, ...more } },
})
const ECHO = [reply('${ . }')]
const WAIT: object = { response: { mode: 'Reply' } }

describe('answers at once', () => {
  test('L08 the default answer is { "success" : true }', async () => {
    const { call } = await serve({})
    const answer = await call()
    expect(answer).toMatchObject({ status: 200, json: { success: true } })
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  })

  test('L09 the status may be any code that the sender expects; a reply overrides it', async () => {
    expect((await (await serve({ response: { statusCode: 299 } })).call()).status).toBe(299)
    const { call } = await serve({ response: { mode: 'Reply', statusCode: 299 } }, [
      [reply('x', { status: 203 })],
    ])
    expect((await call()).status).toBe(203)
  })

  test('C14 status and value of the answer are settings', async () => {
    const { call } = await serve({ response: { statusCode: 418, body: { tea: ['green'] } } })
    expect(await call()).toMatchObject({ status: 418, json: { tea: ['green'] } })
  })

  test('C16 the answer does not wait for the run', async () => {
    const released = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const slow = createServer((_, response) => {
      reached.resolve()
      void released.promise.then(() => response.end())
    })
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    cleanup.push(() => new Promise((resolve) => slow.close(resolve)))
    const endpoint = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`
    const { call } = await serve({}, [[{ ask: { call: 'http', with: { method: 'get', endpoint } } }]])
    expect((await call()).status).toBe(200)
    await reached.promise
    released.resolve()
  })

  test('C17 the output of the run is not in an answer that is given at once', async () => {
    const { call } = await serve({}, [[{ make: { set: { secret: 'output' } } }]])
    expect((await call()).json).toEqual({ success: true })
  })
})

describe('replies of the run', () => {
  test("L10 body, status and headers are the workflow's", async () => {
    const { call } = await serve(WAIT, [
      [reply('<ok/>', { status: 201, headers: { 'content-type': 'text/xml', 'x-a': 'b' } })],
    ])
    const answer = await call()
    expect(answer).toMatchObject({ status: 201, text: '<ok/>' })
    expect(answer.headers.get('content-type')).toMatch(/^text\/xml/)
    expect(answer.headers.get('x-a')).toBe('b')
  })

  test('L11 every workflow of the call gets the same replyId, a call that does not wait has none', async () => {
    const seen: unknown[] = []
    const sink = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      request.on('end', () => {
        seen.push(JSON.parse(body))
        response.setHeader('content-type', 'application/json').end('{}')
      })
    })
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    cleanup.push(() => new Promise((resolve) => sink.close(resolve)))
    const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`
    const tell = { tell: { call: 'http', with: { method: 'post', endpoint, body: { id: '${ .replyId }' } } } }
    // Neither replies, so the answer comes when both have ended.
    const waiting = await serve(WAIT, [[tell], [tell]])
    expect((await waiting.call()).status).toBe(502)
    expect(seen).toHaveLength(2)
    expect(seen[0]).toEqual({ id: expect.stringMatching(/./) })
    expect(seen[1]).toEqual(seen[0])

    const { call } = await serve({ response: { mode: 'Output' } }, [
      [{ keep: { set: { has: '${ has("replyId") }' } } }],
    ])
    expect((await call()).json).toEqual({ has: true })
  })

  test('L12 no reply in time is 504', async () => {
    const { call } = await serve({ response: { mode: 'Reply', timeout: '1s' } }, [
      [{ sleep: { wait: { seconds: 3 } } }],
    ])
    expect(await call()).toMatchObject({
      status: 504,
      json: { error: 'Time out waiting for workflow reply' },
    })
  })

  test('L13 the first reply is used, later ones are ignored', async () => {
    const { call } = await serve(WAIT, [
      [{ one: reply('first') }, { two: reply('second') }].map((task) => {
        const [[name, value]] = Object.entries(task) as [[string, { answer: object }]]
        return { [name]: value.answer }
      }),
    ])
    expect((await call()).text).toBe('first')
  })

  test('a run that fails is 502 at once, one that ends without a reply too', async () => {
    const error = { type: 'https://example.com/errors/x', status: 400, title: 'no' }
    const failing = await serve(WAIT, [[{ fail: { raise: { error } } }]])
    expect(await failing.call()).toMatchObject({ status: 502, json: { error: 'Workflow failed' } })
    const silent = await serve(WAIT, [[{ nothing: { set: { a: 1 } } }]])
    expect(await silent.call()).toMatchObject({
      status: 502,
      json: { error: 'Workflow ended without a reply' },
    })
    const none = await serve(WAIT)
    expect(await none.call()).toMatchObject({
      status: 502,
      json: { error: 'Workflow ended without a reply' },
    })
  })

  test.each(['application/json', 'application/xml', 'text/plain', 'text/xml', 'text/csv'])(
    'R09 a reply may be %s',
    async (type) => {
      const { call } = await serve(WAIT, [[reply('1', { headers: { 'content-type': type } })]])
      const answer = await call()
      expect(answer.headers.get('content-type')?.split(';')[0]).toBe(type)
      expect(answer.text).toBe('1')
    },
  )

  test.each(['text/html', 'image/svg+xml', 'nonsense'])('R09 a reply of %s is sent as JSON', async (type) => {
    const { call } = await serve(WAIT, [[reply('<b>', { headers: { 'content-type': type } })]])
    const answer = await call()
    expect(answer.headers.get('content-type')?.split(';')[0]).toBe('application/json')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-security-policy')).toBeTruthy()
  })

  test('C15 the answer is computed from what the flow knows', async () => {
    const output = { as: '${ if .valid then .value else {valid: false} end }' }
    const flow = { spec: { triggers: [{ webhook: 'hook' }], do: [{ take: { set: '${ .body }' } }], output } }
    const { call } = await serve({ response: { mode: 'Output', statusCode: 203 } }, [flow])
    expect(await call('', json({ valid: true, value: { a: 1 } }))).toMatchObject({
      status: 203,
      json: { a: 1 },
    })
    expect((await call('', json({ valid: false }))).json).toEqual({ valid: false })
  })

  test('C18 a flow that takes too long is 408, and its late result goes nowhere', async () => {
    const { call } = await serve({ response: { mode: 'Output', timeout: '1s', timeoutStatusCode: 408 } }, [
      [{ sleep: { if: '.query.slow == "1"', wait: { seconds: 2 } } }, { done: { set: { ok: true } } }],
    ])
    expect(await call('?slow=1')).toMatchObject({
      status: 408,
      json: { error: 'Time out waiting for workflow reply' },
    })
    expect(await call()).toMatchObject({ status: 200, json: { ok: true } })
  })
})

describe('credentials', () => {
  const door = (auth: object): Promise<Hook> => serve({ auth })

  test('L25 with both fields blank none are asked for', async () => {
    const { call } = await door({ basic: { username: { value: '' }, password: { value: '' } } })
    expect((await call()).status).toBe(200)
    expect((await call('', { headers: basic('any:thing') })).status).toBe(200)
  })

  test.each([
    ['both', { username: { value: 'u' }, password: { value: 'p' } }, 'u:p', ['u:', ':p', 'u:x', ':', 'u:p2']],
    ['the name only', { username: { value: 'u' } }, 'u:', ['u:p', ':', 'x:']],
    ['the password only', { password: { value: 'p' } }, ':p', ['u:p', ':', ':x']],
  ])('L26 with %s set, exactly that passes', async (_, fields, right, wrong) => {
    const { call } = await door({ basic: fields })
    expect((await call('', { headers: basic(right) })).status).toBe(200)
    for (const credentials of wrong)
      expect([credentials, (await call('', { headers: basic(credentials) })).status]).toEqual([
        credentials,
        401,
      ])
    const none = await call()
    expect(none.status).toBe(401)
    expect(none.headers.get('www-authenticate')).toMatch(/^Basic /)
  })

  test('L27 name and password come from globals by an expression', async () => {
    const { call } = await door({
      basic: { username: { value: '${ $globals.USER }' }, password: { value: '${ $globals.PASSWORD }' } },
    })
    expect((await call('', { headers: basic('ada:pâss:wörd') })).status).toBe(200)
    expect((await call('', { headers: basic('ada:wrong') })).status).toBe(401)
  })

  test('C05 a bearer token, with one space', async () => {
    const { call } = await door({
      bearer: { tokens: [{ valueFrom: { secretKeyRef: { name: 'token', key: 'bearer' } } }] },
    })
    const status = async (authorization: string): Promise<number> =>
      (await call('', { headers: { authorization } })).status
    expect(await status('Bearer ey-some-long-token')).toBe(200)
    expect(await status('Bearer  ey-some-long-token')).toBe(401)
    expect(await status('Bearer ey-some-long-tokem')).toBe(401)
    expect(await status('ey-some-long-token')).toBe(401)
  })
})

describe('limits', () => {
  test('L32 L34 of 101 calls at once 100 pass, the 101st is told when to come back', async () => {
    const { call } = await serve({})
    const answers = await Promise.all(Array.from({ length: 101 }, () => call()))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100)
    const [refused] = answers.filter(({ status }) => status === 429)
    expect(refused?.json).toEqual({ error: 'Over rate limit, request throttled' })
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(9)
    expect(Number(refused?.headers.get('retry-after'))).toBeLessThanOrEqual(10)
  })

  test('L36 of 101 waiting calls the 101st is refused', async () => {
    const spec = {
      response: { mode: 'Reply', timeout: '3s' },
      limits: { rate: { requests: 1000, window: '10s' } },
    }
    const { call } = await serve(spec, [[{ sleep: { wait: { seconds: 1 } } }, reply('woken')]])
    const answers = await Promise.all(Array.from({ length: 101 }, () => call()))
    expect(answers.filter(({ text }) => text === 'woken')).toHaveLength(100)
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(1)
    expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await call()).text).toBe('woken')
  })

  test('L37 L38 256 KiB pass, one byte more is 413', async () => {
    const { call } = await serve({ response: { mode: 'Output' } }, [
      [{ size: { set: { size: '${ .body | length }' } } }],
    ])
    const headers = { 'content-type': 'text/plain' }
    expect((await call('', { headers, body: 'x'.repeat(262_144) })).json).toEqual({ size: 262_144 })
    expect((await call('', { headers, body: 'x'.repeat(262_145) })).status).toBe(413)
  })
})

describe('what a run gets', () => {
  const input = async (suffix: string, call: Call, spec: object = {}): Promise<Record<string, unknown>> => {
    const hook = await serve({ ...WAIT, ...spec }, [ECHO])
    return (await hook.call(suffix, call)).json as Record<string, unknown>
  }

  test('L40 C10 R06 one webhook triggers many workflows, with extra path and query', async () => {
    const hit = (name: string): { spec: object } => ({
      spec: { triggers: [{ webhook: 'hook', when: `.path == "/${name}"` }], do: [reply(name)] },
    })
    const { call } = await serve(WAIT, [hit('a'), hit('b'), hit('c')])
    expect((await call('/b')).text).toBe('b')
    expect((await call('/c')).text).toBe('c')
    expect(await input('/x/y%20z?a=1&a=2&b=', { method: 'PUT' })).toMatchObject({
      method: 'put',
      path: '/x/y%20z',
      query: { a: ['1', '2'], b: '' },
      body: null,
      type: 'http',
    })
    expect(await input('', {})).toMatchObject({ path: '/', query: {} })
  })

  test('R06 headers are in lower case, without cookie and authorization', async () => {
    const { headers } = await input('', {
      headers: { 'X-Some': 'V', cookie: 'a=b', authorization: 'Basic eDp5' },
    })
    expect(headers).toMatchObject({ 'x-some': 'V' })
    expect(headers).not.toHaveProperty('cookie')
    expect(headers).not.toHaveProperty('authorization')
  })

  test('C09 the keys of a body', async () => {
    const { call } = await serve(WAIT, [[reply('${ .body.company_id }')]])
    expect((await call('', json({ company_id: 123456 }))).text).toBe('123456')
  })

  test('C11 body and query as one dictionary, in which the body wins', async () => {
    const merged = await input('?value_1=123&clash=query', json({ clash: 'body', n: 1 }), { input: 'Merged' })
    expect(merged).toMatchObject({ body: { value_1: '123', clash: 'body', n: 1 }, query: {} })
  })

  test.each(['application/xml', 'text/xml'])('C12 %s becomes JSON', async (type) => {
    const body = '<order id="7"><item>a</item><item>b</item></order>'
    const got = await input('', { headers: { 'content-type': type }, body })
    expect(got['body']).toMatchObject({ order: { item: ['a', 'b'] } })
  })

  test('C13 JSON and forms, with any other or no content type', async () => {
    const bytes = (text: string): Call => ({ body: Buffer.from(text) as unknown as string })
    expect((await input('', bytes('{"a": 1}')))['body']).toEqual({ a: 1 })
    expect((await input('', bytes('a=1&b=two+words')))['body']).toEqual({ a: '1', b: 'two words' })
    expect((await input('', bytes('just text')))['body']).toBe('just text')
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=%C3%A4' }
    expect((await input('', form))['body']).toEqual({ a: 'ä' })
    const multipart = new FormData()
    multipart.set('field', 'value')
    expect((await input('', { body: multipart as unknown as string }))['body']).toEqual({ field: 'value' })
  })

  test('input is never evaluated as an expression', async () => {
    const { call } = await serve(WAIT, [ECHO])
    expect((await call('', json({ x: '${ $globals.PASSWORD }' }))).json).toMatchObject({
      body: { x: '${ $globals.PASSWORD }' },
    })
  })
})

describe('flows', () => {
  const flow = (suspend: boolean): { spec: object } => ({
    spec: { triggers: [{ webhook: 'hook' }], suspend, do: [reply('ran')] },
  })

  test('C07 C08 a paused flow says so, one that is not accepts', async () => {
    const paused = await serve(WAIT, [flow(true)])
    expect(await paused.call()).toMatchObject({
      status: 200,
      json: {
        status: 200,
        error: 'biz_logic',
        message: 'Flow status is `paused`. Unpause to run this flow using a webhook',
        data: null,
      },
    })
    const half = await serve(WAIT, [flow(true), flow(false)])
    expect((await half.call()).text).toBe('ran')
  })

  test('C19 an extended or modified path is 404, on the flow path always', async () => {
    const { server, call } = await serve({ path: 'Exact' })
    expect((await call()).status).toBe(200)
    expect((await call('/more')).status).toBe(404)
    expect((await call('x')).status).toBe(404)
    const token = server.placeholder('hook.token')
    const flowCall = caller(`${server.baseUrl}/v1/flow-webhook/${token}`)
    expect((await flowCall()).status).toBe(200)
    expect((await flowCall('/more')).status).toBe(404)
  })

  test('C20 a call that was received leaves its id with the caller', async () => {
    const { call } = await serve(WAIT, [[reply('${ .id }')]])
    const answer = await call()
    expect(answer.headers.get('x-hooklet-event-id')).toBe(answer.text)
  })

  test('R10 a suspended webhook answers 200 and runs nothing', async () => {
    const { call } = await serve({ ...WAIT, suspend: true }, [[reply('ran')]])
    expect(await call()).toMatchObject({ status: 200, json: { success: true } })
  })
})

describe('expressions that run away', () => {
  test.each(['[range(1e9)]', 'def f: f; f', '"x" * (.query.away | tonumber * 1e9)'])(
    '%s ends as an error of its run',
    async (expression) => {
      const { call } = await serve(WAIT, [
        [
          {
            guarded: {
              try: [{ run: { if: '.query.away == "1"', set: { x: `\${ ${expression} }` } } }],
              catch: { as: 'error', do: [reply('${ $error.type | split("/") | last }', { status: 500 })] },
            },
          },
          reply('well'),
        ],
      ])
      const away = call('?away=1')
      for (let i = 0; i < 5; i++) expect((await call()).text).toBe('well')
      expect(await away).toMatchObject({ status: 500, text: 'expression' })
    },
  )
})
