/**
 * The requirements on WebSocket webhooks through the whole of Hooklet: manifests in a folder, real clients,
 * workflows that run.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { startFolder } from '../support/dev.ts'
import { openSocket, refusedSocket } from '../support/socket-client.ts'

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

async function serve(spec: object, tasks: object[]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-sockets-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  const apiVersion = 'hooklet.dev/v1alpha1'
  const write = (file: string, kind: string, content: object) =>
    writeFile(
      path.join(folder, file),
      JSON.stringify({ apiVersion, kind, metadata: { name: 'hook' }, spec: content }),
    )
  const change = (more: object) => write('webhook.yaml', 'Webhook', { type: 'WebSocket', ...spec, ...more })
  await change({})
  await write('workflow.yaml', 'Workflow', { triggers: [{ webhook: 'hook' }], do: tasks })
  const server = await startFolder(folder)
  cleanup.push(() => server.stop())
  expect(server.faults).toEqual([])
  return {
    url: server.placeholder('hook') ?? '',
    change,
    remove: () => rm(path.join(folder, 'webhook.yaml')),
  }
}

const tell = [{ tell: { call: 'reply', with: { body: '${ . | del(.headers, .id, .time, .clientIP) }' } } }]

test('L07 R07 what a run sees of each event', async () => {
  const { url } = await serve({}, tell)
  const client = await openSocket(`${url}/room?n=1`)
  const common = {
    webhook: { namespace: 'default', name: 'hook' },
    method: 'get',
    path: '/room',
    query: { n: '1' },
    body: null,
    replyId: expect.stringMatching(/^\d+\.ws-/),
  }
  const heard = async (): Promise<unknown> => JSON.parse(String(await client.next()))
  expect(await heard()).toEqual({ ...common, type: 'connect', message: {} })
  client.send('{"a": 1}')
  expect(await heard()).toEqual({ ...common, type: 'message', message: { data: { a: 1 }, length: 8 } })
  client.send('plain')
  expect(await heard()).toEqual({ ...common, type: 'message', message: { data: 'plain', length: 5 } })
  client.send(Buffer.from([1, 255]))
  const bytes = { data: 'Af8=', length: 2, encoding: 'base64' }
  expect(await heard()).toEqual({ ...common, type: 'message', message: bytes })
})

test('L15 L16 one event may be answered not at all or many times, and the connection stays open', async () => {
  const { url } = await serve({}, [
    { quiet: { if: '${ .message.data == "quiet" }', set: { nothing: true }, then: 'end' } },
    { one: { if: '${ .type == "message" }', call: 'reply', with: { body: 'one' } } },
    { two: { if: '${ .type == "message" }', call: 'reply', with: { body: 'two' } } },
  ])
  const client = await openSocket(url)
  for (const said of ['quiet', 'go', 'quiet', 'go']) client.send(said)
  expect([await client.next(), await client.next(), await client.next(), await client.next()]).toEqual([
    'one',
    'two',
    'one',
    'two',
  ])
  expect(client.ws.readyState).toBe(1)
})

test('L14 a run that ends without a reply closes nothing, nor does one that fails', async () => {
  const { url } = await serve({}, [
    { answer: { if: '${ .message.data == "answer" }', call: 'reply', with: { body: 'here' }, then: 'end' } },
    {
      fail: {
        if: '${ .message.data == "fail" }',
        raise: { error: { type: 'https://x.example/e', status: 500 } },
      },
    },
  ])
  const client = await openSocket(url)
  for (const said of ['nothing', 'fail', 'answer']) client.send(said)
  expect(await client.next()).toBe('here')
})

test('R10 suspended, its connections are closed and new ones get 404; resumed, it is there again', async () => {
  const { url, change } = await serve({}, tell)
  const client = await openSocket(url)
  await change({ suspend: true })
  expect(await client.closed).toEqual({ code: 1001, reason: 'Webhook is gone' })
  expect(await refusedSocket(url)).toMatchObject({ status: 404 })
  await change({})
  let again = await openSocket(url).catch(() => undefined)
  while (!again) again = await openSocket(url).catch(() => undefined)
  expect(again.ws.readyState).toBe(1)
})

test('deleted, its connections are closed with 1001', async () => {
  const { url, remove } = await serve({}, tell)
  const client = await openSocket(url)
  await remove()
  expect(await client.closed).toEqual({ code: 1001, reason: 'Webhook is gone' })
  expect(await refusedSocket(url)).toMatchObject({ status: 404 })
})
