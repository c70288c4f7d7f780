import { once } from 'node:events'
import { afterEach, describe, expect, test } from '@jest/globals'
import { StateUnavailable } from '../../../state/state.ts'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import { connectRaw } from '../raw.ts'
import type { RawConnection } from '../raw.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { eventsUntil, handshake, sendTo, socketRoute, urlOf } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

/** The close frame at the end of what the server has sent: it is not masked. */
async function closeFrameOf(connection: RawConnection): Promise<{ code: number; reason: string }> {
  const received = Buffer.from(await connection.until(/\x88[^]{3,}$/), 'latin1')
  const at = received.lastIndexOf(0x88)
  return { code: received.readUInt16BE(at + 2), reason: received.subarray(at + 4).toString() }
}

async function openRaw(site: Site, token: string): Promise<RawConnection> {
  const connection = await connectRaw(site.port)
  connection.write(handshake(token))
  await connection.until(/\r\n\r\n/)
  return connection
}

describe('rate', () => {
  test('L33 connecting and each message of the client count, messages to it do not', async () => {
    const route = socketRoute('chat', { limits: { rate: { requests: 5 } } })
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    const event = await site.nextEvent()
    for (let each = 0; each < 20; each += 1) await sendTo(site, event, { data: { text: String(each) } })
    for (let each = 0; each < 20; each += 1) expect(await client.next()).toBe(String(each))
    for (let each = 0; each < 4; each += 1) {
      client.send('x')
      await site.nextEvent()
    }
    const refusal = await refusedSocket(urlOf(site, route))
    expect(refusal).toMatchObject({
      status: 429,
      body: '{"error":"Over rate limit, request throttled"}',
      headers: { 'retry-after': '10' },
    })
    await site.clock.advance(10_000)
    client.send('again')
    expect((await site.nextEvent()).body.toString()).toBe('again')
  })

  test('L35 over it by messages the connection is closed with 1008, and what is over it is not heard', async () => {
    const route = socketRoute('chat', { limits: { rate: { requests: 5 } } })
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    for (let each = 0; each < 10; each += 1) client.send(String(each))
    expect(await client.closed).toEqual({ code: 1008, reason: 'Over rate limit' })
    const events = await eventsUntil(site, 'disconnect')
    expect(events.map(({ body }) => body.toString())).toEqual(['', '0', '1', '2', '3', ''])
    expect(events.at(-1)?.socket?.end).toEqual({ statusCode: 1008, reason: 'Over rate limit' })
  })

  test('L35 a flood in one packet is cut without asking the state for each', async () => {
    const route = socketRoute('chat', { limits: { rate: { requests: 5 } } })
    let asked = 0
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        receive(...args) {
          asked += 1
          return state.receive(...args)
        },
      }),
    })
    const connection = await openRaw(site, route.token)
    connection.write(Buffer.concat(Array.from({ length: 5_000 }, () => empty)))
    expect(await closeFrameOf(connection)).toEqual({ code: 1008, reason: 'Over rate limit' })
    expect(asked).toBeLessThanOrEqual(5)
    connection.destroy()
    await eventsUntil(site, 'disconnect')
  })
})

test('L36 connections over the limit get 429 on the upgrade, and a place that was given back is another’s', async () => {
  const route = socketRoute('chat', { limits: { connections: 2 } })
  const site = await sites.start({ routes: [route] })
  const [first] = [await openSocket(urlOf(site, route)), await openSocket(urlOf(site, route))]
  expect(await refusedSocket(urlOf(site, route))).toMatchObject({
    status: 429,
    body: '{"error":"Too many concurrent connections"}',
    headers: { 'retry-after': '1' },
  })
  first.ws.close()
  await eventsUntil(site, 'disconnect')
  expect((await openSocket(urlOf(site, route))).ws.readyState).toBe(1)
})

describe('L39 a message over the limit', () => {
  const limits = { payloadBytes: 1_000 }

  test('closes the connection with 1008 and is not heard; one at the limit is', async () => {
    const route = socketRoute('chat', { limits })
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    client.send('x'.repeat(1_000))
    client.send('x'.repeat(1_001))
    expect(await client.closed).toEqual({ code: 1008, reason: 'Message too large' })
    const events = await eventsUntil(site, 'disconnect')
    expect(events.map(({ body }) => body.length)).toEqual([0, 1_000, 0])
    expect(events.at(-1)?.socket?.end).toEqual({ statusCode: 1008, reason: 'Message too large' })
  })

  test('L37 the limit is 256 KB when nothing else is said', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    client.send(Buffer.alloc(256 * 1024))
    client.send(Buffer.alloc(256 * 1024 + 1))
    expect((await client.closed).code).toBe(1008)
    expect((await eventsUntil(site, 'disconnect')).map(({ body }) => body.length)).toEqual([0, 256 * 1024, 0])
  })

  test('is refused by its head, without one byte of it', async () => {
    const route = socketRoute('chat', { limits })
    const site = await sites.start({ routes: [route] })
    const connection = await openRaw(site, route.token)
    // A masked binary frame that announces 16 MB.
    connection.write(Buffer.from([0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4]))
    expect(await closeFrameOf(connection)).toEqual({ code: 1008, reason: 'Message too large' })
    connection.destroy()
    await eventsUntil(site, 'disconnect')
  })

  test('is refused in fragments, too', async () => {
    const route = socketRoute('chat', { limits })
    const site = await sites.start({ routes: [route] })
    const connection = await openRaw(site, route.token)
    const fragment = (head: number) =>
      Buffer.concat([Buffer.from([head, 0xfe, 600 >> 8, 600 & 0xff, 0, 0, 0, 0]), Buffer.alloc(600)])
    connection.write(Buffer.concat([fragment(0x02), fragment(0x00)]))
    expect(await closeFrameOf(connection)).toEqual({ code: 1008, reason: 'Message too large' })
    connection.destroy()
    await eventsUntil(site, 'disconnect')
  })
})

test('1009 that a client or a run says is kept', async () => {
  const route = socketRoute()
  const site = await sites.start({ routes: [route] })
  const client = await openSocket(urlOf(site, route))
  client.ws.close(1009, 'mine')
  expect(await client.closed).toEqual({ code: 1009, reason: 'mine' })
  const end = (await eventsUntil(site, 'disconnect')).at(-1)?.socket?.end
  expect(end).toEqual({ statusCode: 1009, reason: 'mine' })
  const other = await openSocket(urlOf(site, route))
  await sendTo(site, await site.nextEvent(), { close: { code: 1009, reason: '' } })
  expect(await other.closed).toEqual({ code: 1009, reason: '' })
})

test('text that is not UTF-8 ends the connection with 1007', async () => {
  const route = socketRoute()
  const site = await sites.start({ routes: [route] })
  const connection = await openRaw(site, route.token)
  connection.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]))
  expect(await closeFrameOf(connection)).toEqual({ code: 1007, reason: '' })
  connection.destroy()
  expect((await eventsUntil(site, 'disconnect')).at(-1)?.socket?.end?.statusCode).toBe(1007)
})

describe('a client that does not read', () => {
  test('is closed with 1013 when more waits for it than is kept', async () => {
    const route = socketRoute()
    const site = await sites.start({
      routes: [route],
      socketLimits: { sendBufferBytes: 1_000_000, closeTimeoutMs: 100 },
    })
    const client = await openSocket(urlOf(site, route))
    const event = await site.nextEvent()
    client.ws.pause()
    const text = 'x'.repeat(250_000)
    // The kernel takes some megabytes before anything waits here; then the client has its time to answer the
    // close frame.
    while ((await sendTo(site, event, { data: { text } })) === 'sent')
      await new Promise((resolve) => setTimeout(resolve, 1))
    const [end] = (await eventsUntil(site, 'disconnect')).slice(-1)
    expect(end?.socket?.end).toEqual({ statusCode: 1013, reason: 'Messages are not read fast enough' })
  })

  test('and asks for pongs without end is cut', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    client.ws.pause()
    while (client.ws.readyState === 1) {
      for (let each = 0; each < 100; each += 1) client.ws.ping(Buffer.alloc(125))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await eventsUntil(site, 'disconnect')).at(-1)?.socket?.end?.statusCode).toBe(1006)
  })
})

describe('while messages can not be stored', () => {
  const cases = [
    ['the state is away', new StateUnavailable('away'), 1013, 'Service unavailable'],
    ['the backlog is full', { kind: 'backlogged' }, 1013, 'Too many events are waiting'],
    ['the connection has lapsed', { kind: 'gone' }, 1012, 'Connection was given up'],
    ['there is a fault of ours', new Error('a fault'), 1011, 'Internal error'],
  ] as const
  test.each(cases)(
    'because %s, the client is told by the end of the connection',
    async (_, answer, code, reason) => {
      const route = socketRoute()
      const site = await sites.start({
        routes: [route],
        wrap: (state) => ({
          ...state,
          receive: async () => {
            if (answer instanceof Error) throw answer
            return answer
          },
        }),
      })
      const client = await openSocket(urlOf(site, route))
      client.send('lost')
      expect(await client.closed).toEqual({ code, reason })
      const events = await eventsUntil(site, 'disconnect')
      expect(events.map(({ type }) => type)).toEqual(['connect', 'disconnect'])
    },
  )

  test('a handshake gets 503', async () => {
    const route = socketRoute()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({ ...state, connect: () => Promise.reject(new StateUnavailable('away')) }),
    })
    expect(await refusedSocket(urlOf(site, route))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    })
  })
})

test('no more is read from a client while many of its messages wait', async () => {
  const route = socketRoute('chat', { limits: { rate: { requests: 10_000 } } })
  const answers: (() => void)[] = []
  const site = await sites.start({
    routes: [route],
    wrap: (state) => ({
      ...state,
      async receive(...args) {
        await new Promise<void>((resolve) => answers.push(resolve))
        return state.receive(...args)
      },
    }),
  })
  const client = await openSocket(urlOf(site, route))
  const megabyte = 1024 * 1024
  const chunk = Buffer.alloc(250_000)
  // Far more than the kernel keeps: the rest stays with the client.
  for (let each = 0; each < 200; each += 1) client.send(chunk)
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(client.ws.bufferedAmount).toBeGreaterThan(10 * megabyte)
  const done = eventsUntil(site, 'disconnect')
  const progress = { over: false }
  void done.then(() => (progress.over = true))
  while (!progress.over) {
    for (const answer of answers.splice(0)) answer()
    if (client.ws.readyState === 1 && client.ws.bufferedAmount === 0) client.ws.close()
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await done).filter(({ type }) => type === 'message')).toHaveLength(200)
})

describe('a client that vanished', () => {
  test('is found by ping within a minute, with the event of its end', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const connection = await openRaw(site, route.token)
    await site.nextEvent()
    const started = site.clock.now()
    const isOver = (): boolean => site.logged.some(({ message }) => message === 'Connection is over')
    while (!isOver() && site.clock.now() - started < 60_000) await site.clock.advance(1_000)
    expect((await site.nextEvent()).socket?.end).toEqual({ statusCode: 1006, reason: '' })
    expect(site.clock.now() - started).toBeLessThan(60_000)
    connection.destroy()
  })

  test('one that answers pings stays, however silent it is', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    for (let pings = 0; pings < 5; pings += 1) {
      const pinged = once(client.ws, 'ping')
      for (let seconds = 0; seconds < 25; seconds += 1) await site.clock.advance(1_000)
      await pinged
      // The pong is on its way back; what follows it is heard after it.
      client.send('x')
      await eventsUntil(site, 'message')
    }
    expect(client.ws.readyState).toBe(1)
  })
})

const empty = Buffer.from([0x81, 0x80, 0, 0, 0, 0])
