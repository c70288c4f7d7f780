/**
 * What a WebSocket webhook promises, one by one, over three ingress and two runner processes on one Redis.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import type { SocketClient } from '../../support/socket-client.ts'
import { hook, startFleet, WIDE } from './fleet.ts'
import type { Fleet } from './fleet.ts'

jest.setTimeout(60_000)

const onMessage = '.type == "message"'
const echo = (name: string, spec: object = {}, reply: object = { body: '${ .message.data }' }): object[] =>
  hook(name, { type: 'WebSocket', limits: WIDE, ...spec }, [
    { echo: { if: onMessage, call: 'reply', with: reply } },
  ])

/** What remains when the others are deleted. */
const lasting = [
  ...echo('echo'),
  ...echo('small', { limits: { ...WIDE, payload: '1Ki' } }),
  ...echo('base64', {}, { body: '${ .message.data }', encoding: 'base64' }),
  ...echo('hex', { webSocket: { encoding: 'Hex' } }, { body: '${ .message.data }', encoding: 'hex' }),
  ...echo('text', { webSocket: { encoding: 'UTF8' } }),
  ...echo('ending', {}, { body: 'bye', close: { code: 4321, reason: 'as you wish' } }),
  ...echo('basic', { auth: { basic: { username: { value: 'ann' }, password: { value: 'secret' } } } }),
  ...echo('pages', { webSocket: { allowedOrigins: ['https://app.example.com'] } }),
  ...echo('protocols', { webSocket: { subprotocols: ['v2', 'v1'] } }),
  // Tells who connects its id.
  ...hook('watcher', { type: 'WebSocket', limits: WIDE }, [
    { welcome: { if: '.type == "connect"', call: 'reply', with: { body: '${ .replyId }' } } },
  ]),
  // Sends far more than kernels keep, and tells the one that the query names how the connection ended.
  ...hook('flood', { type: 'WebSocket', limits: WIDE }, [
    {
      flood: {
        if: onMessage,
        for: { in: '${ [range(150)] }' },
        do: [{ send: { call: 'reply', with: { body: 'x'.repeat(200 * 1024) } } }],
      },
    },
    {
      tell: {
        if: '$workflow.input.type == "disconnect"',
        call: 'reply',
        with: {
          replyId: '${ $workflow.input.query.tell }',
          body: '${ $workflow.input.message | "\\(.statusCode) \\(.reason)" }',
        },
      },
    },
  ]),
  ...hook('plain', { limits: WIDE }, [{ nothing: { set: { a: 1 } } }]),
]

let fleet: Fleet
const clients: SocketClient[] = []

beforeAll(async () => {
  fleet = await startFleet({
    ingress: 3,
    runners: 2,
    manifests: [...lasting, ...echo('doomed'), ...echo('sleepy')],
  })
})
afterAll(async () => {
  for (const { ws } of clients) ws.terminate()
  await fleet?.close()
})

const urlOf = (webhook: string, nth = 0): string => `${fleet.ingress[nth]?.url}${fleet.pathOf(webhook)}`

async function connect(
  webhook: string,
  nth = 0,
  options: Parameters<typeof openSocket>[1] = {},
): Promise<SocketClient> {
  const client = await openSocket(urlOf(webhook, nth), options)
  clients.push(client)
  return client
}

const everyIngress = [0, 1, 2]

describe.each(everyIngress)('at ingress %s', (nth) => {
  test('L16 a message over the payload limit closes the connection with 1008', async () => {
    const client = await connect('small', nth)
    client.send('x'.repeat(1024))
    expect(await client.next()).toBe('x'.repeat(1024))
    client.send('x'.repeat(1025))
    expect(await client.closed).toEqual({ code: 1008, reason: 'Message too large' })
  })

  test('bytes come back as bytes in base64 and hex, and as text where they are taken for text', async () => {
    const bytes = Buffer.from([0, 255, 10, 200])
    for (const webhook of ['base64', 'hex']) {
      const client = await connect(webhook, nth)
      client.send(bytes)
      expect([webhook, await client.next()]).toEqual([webhook, bytes])
    }
    const client = await connect('text', nth)
    client.send(Buffer.from('zwölf'))
    expect(await client.next()).toBe('zwölf')
  })

  test('a run ends the connection with the code and reason that it names, behind its message', async () => {
    const client = await connect('ending', nth)
    client.send('end')
    expect(await client.next()).toBe('bye')
    expect(await client.closed).toEqual({ code: 4321, reason: 'as you wish' })
  })

  test('credentials are asked for at the handshake', async () => {
    expect(await refusedSocket(urlOf('basic', nth))).toMatchObject({ status: 401 })
    expect(await refusedSocket(urlOf('basic', nth), { auth: 'ann:wrong' })).toMatchObject({ status: 401 })
    const client = await connect('basic', nth, { auth: 'ann:secret' })
    client.send('in')
    expect(await client.next()).toBe('in')
  })

  test('pages of other origins are refused, and the first subprotocol in common is chosen', async () => {
    const stranger = await refusedSocket(urlOf('pages', nth), { origin: 'https://evil.example' })
    expect(stranger.status).toBe(403)
    await connect('pages', nth, { origin: 'https://app.example.com' })
    const client = await connect('protocols', nth, { protocols: ['v1', 'v2'] })
    expect(client.ws.protocol).toBe('v2')
  })

  test('unknown is 404, HTTP called as WebSocket 400, and the other way round 426', async () => {
    expect(await refusedSocket(`${urlOf('echo', nth)}x`)).toMatchObject({ status: 404 })
    expect(await refusedSocket(urlOf('plain', nth))).toMatchObject({ status: 400 })
    const answer = await fetch(urlOf('echo', nth), { method: 'POST', body: '{}' })
    expect([answer.status, answer.headers.get('upgrade')]).toEqual([426, 'websocket'])
  })
})

test('a client that does not read what runs send is ended with 1013, and others go on', async () => {
  const watcher = await connect('watcher', 1)
  const id = await watcher.next()
  const slow = await openSocket(`${urlOf('flood')}?tell=${String(id)}`)
  clients.push(slow)
  slow.ws.pause()
  // So often that it lasts: what an outbox has no room for until its pod has taken the rest is not sent at all.
  for (let times = 0; times < 25; times++) slow.send('now')
  expect(await watcher.next()).toBe('1013 Messages are not read fast enough')
  const other = await connect('echo')
  other.send('still here')
  expect(await other.next()).toBe('still here')
})

test('a deleted webhook ends its connections with 1001 on every ingress, a suspended one too', async () => {
  const doomed = await Promise.all(everyIngress.map((nth) => connect('doomed', nth)))
  const sleepy = await Promise.all(everyIngress.map((nth) => connect('sleepy', nth)))
  await fleet.apply([...lasting, ...echo('sleepy', { suspend: true })])
  for (const { closed } of [...doomed, ...sleepy])
    expect(await closed).toEqual({ code: 1001, reason: 'Webhook is gone' })
  for (const nth of everyIngress)
    for (const webhook of ['doomed', 'sleepy'])
      expect(await refusedSocket(urlOf(webhook, nth))).toMatchObject({ status: 404 })
})
