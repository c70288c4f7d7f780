/** A run that is cut off at any of its checkpoints and goes on elsewhere ends as one that was not. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createWorkbench, workflow } from './harness.ts'
import type { Trial } from './harness.ts'

const bench = createWorkbench()
let server: Server
let base: string
let calls: { path: string; key: string | undefined }[] = []

beforeAll(async () => {
  server = createServer((request: IncomingMessage, response) => {
    calls.push({ path: request.url ?? '', key: request.headers['idempotency-key'] as string | undefined })
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ nth: request.url }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  calls = []
})
afterAll(async () => {
  await bench.close()
  await new Promise((resolve) => server.close(resolve))
})

const manifests = (): string =>
  workflow(`
- start: {set: {seen: []}}
- loop:
    for: {each: n, in: '\${ [1, 2] }'}
    do:
    - ask:
        call: http
        with: {method: get, endpoint: '\${ "${base}/\\($n)" }'}
        export: {as: '\${ ($context // []) + [.nth] }'}
    - nap: {wait: {seconds: 1}}
- guarded:
    try:
    - broken: {raise: {error: {type: 'https://example.com/e', status: 503, title: t}}}
    catch:
      as: e
      retry: {delay: {seconds: 2}, limit: {attempt: {count: 1}}}
      do:
      - note: {set: {status: '\${ $e.status }'}}
- answer: {call: reply, with: {body: '\${ . }'}}
- total: {set: {all: '\${ $context }', last: '\${ . }'}}
`)

const reply = { id: '0.some-reply', mode: 'Reply' } as const
const essence = ({ outcome, naps }: Trial): object => ({ outcome, naps })

test('at every checkpoint', async () => {
  const whole = await bench.run(manifests(), { reply })
  expect(whole.outcome).toEqual({ kind: 'completed', output: { all: ['/1', '/2'], last: { status: 503 } } })
  expect(whole.naps).toEqual([1_000, 1_000, 2_000])
  expect(calls.map(({ path }) => path)).toEqual(['/1', '/2'])
  expect(whole.checkpoints).toBeGreaterThan(5)

  for (let dieAfter = 1; dieAfter <= whole.checkpoints; dieAfter++) {
    calls = []
    const cut = await bench.run(manifests(), { reply, dieAfter })
    expect({ dieAfter, ...essence(cut) }).toEqual({ dieAfter, ...essence(whole) })
    // Only the effect that was in flight may come twice, and then it carries the same key.
    const keys = new Map(calls.map(({ path, key }) => [path, key]))
    expect([...keys.keys()]).toEqual(['/1', '/2'])
    for (const { path, key } of calls) expect(key).toBe(keys.get(path))
    expect(keys.get('/1')).not.toBe(keys.get('/2'))
    expect(calls.length).toBeLessThanOrEqual(3)
  }
})

test('between an error and the task that catches it', async () => {
  const failing = workflow(`
- guarded:
    try:
    - answer:
        call: reply
        with: {body: sent}
        output: {as: '\${ error("afterwards") }'}
    catch:
      as: e
      do:
      - note: {set: {caught: '\${ $e.detail }'}}
`)
  const whole = await bench.run(failing, { reply })
  expect(whole.outcome).toEqual({ kind: 'completed', output: { caught: 'afterwards' } })
  for (let dieAfter = 1; dieAfter <= whole.checkpoints; dieAfter++) {
    const cut = await bench.run(failing, { reply, dieAfter })
    expect({ dieAfter, ...essence(cut) }).toEqual({ dieAfter, ...essence(whole) })
    expect(cut.replies).toEqual(whole.replies)
  }
})
