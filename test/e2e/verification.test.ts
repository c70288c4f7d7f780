/** The requirements on verification, row by row, from the manifest to the answer. */
import { createHmac } from 'node:crypto'
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

const GLOBALS = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, labels: { hooklet.dev/globals: 'true' } }
data: { CODE: c0de }
---
apiVersion: v1
kind: Secret
metadata: { name: keys, labels: { hooklet.dev/globals: 'true' } }
stringData: { SIGNING: a signing secret }
`

const REPLY = "[{ answer: { call: reply, with: { body: '${ {got: .body} }' } } }]"

interface Served extends ServedFolder {
  file: string
  url: string
}

/** Serves a Webhook `hook` with this spec, a workflow behind it that replies, and globals. */
async function serve(spec: string, globals = GLOBALS, tasks = REPLY): Promise<Served> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-verification-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'globals.yaml')
  await writeFile(file, globals)
  await writeFile(
    path.join(folder, 'hook.yaml'),
    `
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: { name: hook }
spec: ${spec}
---
apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: { name: hook }
spec:
  triggers: [{ webhook: hook }]
  do: ${tasks}
`,
  )
  const server = await startFolder(folder)
  cleanup.push(() => server.stop())
  return { ...server, file, url: server.placeholder('hook') ?? '' }
}

const seen = async (answer: Response | Promise<Response>) => {
  const response = await answer
  return [response.status, await response.text()]
}
const hub = (secret: string, body: string) => ({
  'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
})

describe('L18 the code is templatable from globals', () => {
  test('L18 L21 R13 Facebook', async () => {
    const { url } = await serve(
      `{ verification: { type: Facebook, code: { value: '\${ "my-" + $globals.CODE }' } } }`,
    )
    const query = '?hub.mode=subscribe&hub.challenge=77&hub.verify_token='
    expect(await seen(fetch(`${url}${query}my-c0de`))).toEqual([200, '77'])
    expect((await fetch(`${url}${query}c0de`)).status).toBe(403)
  })

  test('L18 L20 R13 Fitbit, whose answer is always 204', async () => {
    const { url } = await serve("{ verification: { type: Fitbit, code: { value: '${ $globals.CODE }' } } }")
    expect(await seen(fetch(`${url}?verify=c0de`))).toEqual([204, ''])
    expect((await fetch(`${url}?verify=wrong`)).status).toBe(404)
    expect(await seen(fetch(url, { method: 'POST', body: '[]' }))).toEqual([204, ''])
  })
})

test('L22 Twilio: the answer is a well-formed empty TwiML document', async () => {
  const { url } = await serve('{ verification: { type: Twilio } }')
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams({ Body: 'Ahoy' }) })
  expect(answer.headers.get('content-type')).toMatch(/^text\/xml/)
  expect(await seen(answer)).toEqual([200, '<?xml version="1.0" encoding="UTF-8"?><Response/>'])
})

test('L27 a secret from the globals signs, and the reply of the run comes back', async () => {
  const { url } = await serve(
    "{ verification: { type: GitHub, secrets: [{ value: '${ $globals.SIGNING }' }] }, response: { mode: Reply } }",
  )
  const body = '{"a":1}'
  const headers = { 'content-type': 'application/json', ...hub('a signing secret', body) }
  expect(await seen(fetch(url, { method: 'POST', body, headers }))).toEqual([200, '{"got":{"a":1}}'])
})

test('L19 a service that is not supported can be verified by the workflow itself', async () => {
  const tasks = `
    - check:
        switch:
          - trusted: { when: '\${ .headers["x-their-token"] == $globals.SIGNING }', then: welcome }
    - refuse: { call: reply, with: { status: 401, body: 'Who are you?' }, then: end }
    - welcome: { call: reply, with: { body: { welcome: true } } }`
  const { url } = await serve('{ response: { mode: Reply } }', GLOBALS, tasks)
  const trusted = fetch(url, { headers: { 'x-their-token': 'a signing secret' } })
  expect(await seen(trusted)).toEqual([200, '{"welcome":true}'])
  expect(await seen(fetch(url))).toEqual([401, 'Who are you?'])
})

test('a secret that goes missing or is none closes the webhook; back again, it opens', async () => {
  const spec =
    '{ verification: { type: StandardWebhooks, secrets: [{ valueFrom: { secretKeyRef: { name: w, key: k } } }] } }'
  const secret = (value: string) =>
    `{ apiVersion: v1, kind: Secret, metadata: { name: w }, stringData: { k: ${value} } }`
  const served = await serve(spec, secret('whsec_AAAA'))
  const call = async () => (await fetch(served.url, { method: 'POST', body: '{}' })).status
  expect(await call()).toBe(401)

  const change = async (text: string, problem: RegExp | undefined) => {
    const taken = served.nextReport(({ rows: [row] }) =>
      problem ? problem.test(row?.problem ?? '') : row?.problem === undefined,
    )
    await writeFile(served.file, text)
    await taken
  }
  await change(secret('not-base64!'), /not a signing secret/)
  expect(await call()).toBe(503)
  await change('# nothing', /refers to the Secret w/)
  expect(await call()).toBe(503)
  await change(secret('whsec_AAAA'), undefined)
  expect(await call()).toBe(401)
})

test('a rotated secret is taken without a gap', async () => {
  const globals = (value: string) => GLOBALS.replace('a signing secret', value)
  const served = await serve(
    "{ verification: { type: GitHub, secrets: [{ value: '${ $globals.SIGNING }' }] } }",
  )
  const call = async (secret: string) =>
    (await fetch(served.url, { method: 'POST', body: 'x', headers: hub(secret, 'x') })).status
  expect([await call('a signing secret'), await call('the next')]).toEqual([200, 401])
  const taken = served.nextReport(() => true)
  await writeFile(served.file, globals('the next'))
  await taken
  expect([await call('a signing secret'), await call('the next')]).toEqual([401, 200])
})
