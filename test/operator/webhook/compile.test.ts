import { hash } from 'node:crypto'
import { afterAll, describe, expect, test } from '@jest/globals'
import type { Route } from '../../../ingress/route.ts'
import type { CompiledWebhook } from '../../../operator/webhook/webhook.ts'
import { parseBytes, parseGoDuration } from '../../../operator/webhook/quantities.ts'
import { createExpressionPool } from '../../../runner/expression/pool.ts'
import { compileText } from '../golden.ts'

const expressions = createExpressionPool()
afterAll(() => expressions.close())

async function compiled(spec: string, others = ''): Promise<CompiledWebhook> {
  const yaml = `{apiVersion: hooklet.dev/v1alpha1, kind: Webhook, metadata: {name: orders}, spec: ${spec}}\n${others}`
  const [webhook] = (await compileText(yaml, expressions)).webhooks
  if (!webhook) throw new Error('nothing was compiled')
  return webhook
}

async function route(spec: string, others = ''): Promise<Route> {
  const { route } = await compiled(spec, others)
  if (!route) throw new Error('no route')
  return route
}

const digest = (pair: string): string => hash('sha256', pair, 'hex')
const secret = (data: string): string =>
  `---\n{apiVersion: v1, kind: Secret, metadata: {name: door}, stringData: ${data}}`

test('L08 the default answer is exactly { "success" : true } with status 200', async () => {
  expect((await route('{}')).response).toMatchObject({
    mode: 'Immediate',
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: '{ "success" : true }',
  })
})

describe('basic auth', () => {
  test('L25 both fields blank ask for nothing', async () => {
    expect(
      (await route(`{auth: {basic: {username: {value: ''}, password: {value: ''}}}}`)).auth,
    ).toBeUndefined()
    expect((await route('{auth: {basic: {}}}')).auth).toBeUndefined()
  })

  test('L26 with only one set, the other must be the empty string', async () => {
    expect((await route('{auth: {basic: {username: {value: ada}}}}')).auth).toEqual({ basic: digest('ada:') })
    expect((await route('{auth: {basic: {password: {value: pw}}}}')).auth).toEqual({ basic: digest(':pw') })
  })

  test('L27 both can come from globals', async () => {
    const globals =
      '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: g, labels: {hooklet.dev/globals: "true"}}, data: {U: ada, P: "007"}}'
    const spec = `{auth: {basic: {username: {value: '\${ $globals.U }'}, password: {value: '\${ $globals.P }'}}}}`
    expect((await route(spec, globals)).auth).toEqual({ basic: digest('ada:007') })
  })

  test('a global that looks like a number keeps its digits', async () => {
    const globals =
      '---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: g, labels: {hooklet.dev/globals: "true"}}, data: {P: "1e3"}}'
    expect((await route(`{auth: {basic: {password: {value: '\${ $globals.P }'}}}}`, globals)).auth).toEqual({
      basic: digest(':1e3'),
    })
  })
})

describe('what is missing closes the webhook', () => {
  const fromSecret = 'valueFrom: {secretKeyRef: {name: door, key: token}}'

  test.each([
    ['a basic password', `{auth: {basic: {password: {${fromSecret}}}}}`],
    ['a bearer token', `{auth: {bearer: {tokens: [{value: other}, {${fromSecret}}]}}}`],
    ['a signing secret', `{verification: {type: GitHub, secrets: [{${fromSecret}}]}}`],
    ['a verify token', `{verification: {type: Facebook, code: {${fromSecret}}}}`],
  ])('%s', async (_, spec) => {
    const { state, auth } = await route(spec)
    expect(state).toBe('Unavailable')
    // Even a data plane that overlooked the state would let nobody in.
    expect(auth).toEqual({ bearer: [] })
  })

  test('and it opens when the Secret is there', async () => {
    const spec = `{auth: {bearer: {tokens: [{${fromSecret}}]}}}`
    expect(await route(spec, secret('{token: abc}'))).toMatchObject({
      state: 'Active',
      auth: { bearer: [digest('abc')] },
    })
  })

  test('no plain credential is in a route', async () => {
    const text = JSON.stringify(
      await route(
        `{auth: {basic: {username: {value: ada-name}, password: {${fromSecret}}}}}`,
        secret('{token: hunter2}'),
      ),
    )
    expect(text).not.toContain('hunter2')
    expect(text).not.toContain('ada-name')
  })
})

test('a body over 256 KiB is refused', async () => {
  const { problem } = await compiled(`{response: {body: ${'x'.repeat(256 * 1024 + 1)}}}`)
  expect(problem).toMatchObject({ reason: 'InvalidResponse', path: ['spec', 'response', 'body'] })
})

describe('quantities', () => {
  test.each<[string, number]>([
    ['60s', 60_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseGoDuration(text)).toBe(ms)
  })

  test.each<[string, number]>([
    ['1', 1],
    ['256Ki', 262_144],
    ['4Mi', 4_194_304],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  test.each(['', '5', '1 m', 's', '1d', '-1s'])('%j is no duration', (text) => {
    expect(() => parseGoDuration(text)).toThrow(RangeError)
  })

  test.each(['', 'Ki', '1Gi', '1.5Mi', '-1'])('%j is no size', (text) => {
    expect(() => parseBytes(text)).toThrow(RangeError)
  })
})

test('origins are those that browsers send: in lower case, without the port of their scheme', async () => {
  const origins = '["https://App.example.com:443", "http://localhost:3000", "http://a.example:80"]'
  const sent = ['https://app.example.com', 'http://localhost:3000', 'http://a.example']
  expect((await route(`{cors: {origins: ${origins}}}`)).cors?.origins).toEqual(sent)
  expect((await route('{cors: {origins: ["*"]}}')).cors?.origins).toEqual(['*'])
  const webSocket = `{allowedOrigins: ${origins.toLowerCase()}}`
  expect((await route(`{type: WebSocket, webSocket: ${webSocket}}`)).webSocket?.allowedOrigins).toEqual(sent)
})
