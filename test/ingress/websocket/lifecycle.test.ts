import { afterEach, describe, expect, test } from '@jest/globals'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import { connectRaw } from '../raw.ts'
import { createSites } from '../site.ts'
import { eventsUntil, handshake, sendTo, socketRoute, urlOf } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

describe('when the webhook changes', () => {
  test('deleted, its connections are closed with 1001, and their ends are events', async () => {
    const route = socketRoute()
    const other = socketRoute('other')
    const site = await sites.start({ routes: [route, other] })
    const clients = [await openSocket(urlOf(site, route)), await openSocket(urlOf(site, route))]
    const bystander = await openSocket(urlOf(site, other))
    site.table.remove(route)
    for (const client of clients)
      expect(await client.closed).toEqual({ code: 1001, reason: 'Webhook is gone' })
    const events = []
    while (events.filter(({ type }) => type === 'disconnect').length < 2) events.push(await site.nextEvent())
    const ends = events.flatMap(({ socket }) => socket?.end ?? [])
    expect(ends).toEqual(Array.from({ length: 2 }, () => ({ statusCode: 1001, reason: 'Webhook is gone' })))
    expect(bystander.ws.readyState).toBe(1)
  })

  test('its messages name the Workflows of now, and not those of the time of its opening', async () => {
    const named = (generation: number) => ({ workflows: [{ name: 'ship', uid: 'u', generation }] })
    const route = socketRoute('chat', named(1))
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    expect(await site.nextEvent()).toMatchObject({ type: 'connect', ...named(1) })
    site.table.put(socketRoute('chat', named(2)))
    client.send('hello')
    expect(await site.nextEvent()).toMatchObject({ type: 'message', ...named(2) })
  })

  const changes = [
    ['suspended', { state: 'Suspended' }, 1001],
    ['without something it needs', { state: 'Unavailable' }, 1013],
    ['paused with its workflows', { state: 'Paused' }, 1013],
    ['at another URL', { token: 'another-token-0123456789abc' }, 1001],
    ['counted for each client', { limits: { rate: { per: 'ClientIP' } } }, 1012],
  ] as const
  test.each(changes)('%s, they are closed', async (_, change, code) => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    site.table.put(socketRoute('chat', change))
    expect((await client.closed).code).toBe(code)
    expect((await eventsUntil(site, 'disconnect')).at(-1)?.socket?.end?.statusCode).toBe(code)
  })

  test('with other limits, they go on under these', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    const webSocket = { allowedOrigins: [], subprotocols: [], encoding: 'hex' as const }
    site.table.put(socketRoute('chat', { webSocket, limits: { rate: { requests: 2 } } }))
    client.send(Buffer.from([1]))
    expect((await eventsUntil(site, 'message')).at(-1)?.socket?.binary).toBe('hex')
    client.send('over')
    expect((await client.closed).code).toBe(1008)
  })

  test('with a smaller payload, a larger message ends them', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    site.table.put(socketRoute('chat', { limits: { payloadBytes: 10 } }))
    client.send('just right')
    await eventsUntil(site, 'message')
    client.send('a bit too long')
    expect(await client.closed).toEqual({ code: 1008, reason: 'Message too large' })
  })

  test('while a handshake waits for the state, the connection is ended when it is there', async () => {
    const route = socketRoute()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        connect(...args) {
          site.table.remove(route)
          return state.connect(...args)
        },
      }),
    })
    const client = await openSocket(urlOf(site, route))
    expect(await client.closed).toEqual({ code: 1001, reason: 'Webhook is gone' })
  })
})

test('a client that is gone before the handshake is done has a connect and a disconnect', async () => {
  const route = socketRoute()
  const site = await sites.start({
    routes: [route],
    wrap: (state) => ({
      ...state,
      async connect(socket, opening) {
        connection.destroy()
        // Seen by the server when its reading side was.
        for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve))
        return state.connect(socket, opening)
      },
    }),
  })
  const connection = await connectRaw(site.port)
  connection.write(handshake(route.token))
  const events = await eventsUntil(site, 'disconnect')
  expect(events.map(({ type }) => type)).toEqual(['connect', 'disconnect'])
  expect(events[1]?.socket?.end?.statusCode).toBe(1006)
  const event = events[0]
  expect(event && (await sendTo(site, event, { data: { text: 'x' } }))).toBe('gone')
})

test('connections whose pod is taken for dead are closed', async () => {
  let lapse = (_id: string): void => {}
  const route = socketRoute()
  const site = await sites.start({
    routes: [route],
    wrap: (state) => ({
      ...state,
      onSocket(listener) {
        lapse = (id) => listener.lapsed(id)
        state.onSocket(listener)
      },
    }),
  })
  const client = await openSocket(urlOf(site, route))
  lapse((await site.nextEvent()).socket?.id ?? '')
  expect(await client.closed).toEqual({ code: 1012, reason: 'Connection was given up' })
})

describe('a graceful stop', () => {
  test('closes with 1012 in waves, records every end, and opens no more', async () => {
    const route = socketRoute('chat', { limits: { rate: { requests: 1_000 } } })
    const site = await sites.start({
      routes: [route],
      socketLimits: { waveConnections: 10, waveIntervalMs: 100 },
    })
    const clients = await Promise.all(Array.from({ length: 35 }, () => openSocket(urlOf(site, route))))
    const open = (): number => clients.filter(({ ws }) => ws.readyState === 1).length
    const closing = site.ingress.close({ deadlineMs: 20_000 })
    const left: number[] = []
    for (let wave = 0; wave < 4; wave += 1) {
      while (open() > Math.max(0, 25 - 10 * wave)) await new Promise((resolve) => setImmediate(resolve))
      left.push(open())
      await site.clock.advance(100)
    }
    expect(left).toEqual([25, 15, 5, 0])
    await closing
    const events = []
    while (events.filter(({ type }) => type === 'disconnect').length < 35) events.push(await site.nextEvent())
    const ends = events.flatMap(({ socket }) => socket?.end ?? [])
    expect(new Set(ends.map(({ statusCode, reason }) => `${statusCode} ${reason}`))).toEqual(
      new Set(['1012 Server is restarting']),
    )
    for (const { closed } of clients)
      expect(await closed).toEqual({ code: 1012, reason: 'Server is restarting' })
  })

  test('waves become larger when there is little time', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route], socketLimits: { waveConnections: 1 } })
    const clients = await Promise.all(Array.from({ length: 30 }, () => openSocket(urlOf(site, route))))
    const closing = site.ingress.close({ deadlineMs: 0 })
    for (const { closed } of clients) expect((await closed).code).toBe(1012)
    await closing
  })

  test('while connections are still accepted, nobody is sent away', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const client = await openSocket(urlOf(site, route))
    const closing = site.ingress.close({ deadlineMs: 1_000, acceptMs: 5_000 })
    await site.clock.advance(4_000)
    const late = await openSocket(urlOf(site, route))
    expect([client.ws.readyState, late.ws.readyState]).toEqual([1, 1])
    await site.clock.advance(1_000)
    expect([(await client.closed).code, (await late.closed).code]).toEqual([1012, 1012])
    await closing
  })

  test('a client that answers no close frame holds it up no longer than the deadline', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const connection = await connectRaw(site.port)
    connection.write(handshake(route.token))
    await connection.until(/\r\n\r\n/)
    const closing = site.ingress.close({ deadlineMs: 1_000 })
    await connection.until(/\x88/)
    await site.clock.advance(2_000)
    await closing
    const [end] = (await eventsUntil(site, 'disconnect')).slice(-1)
    expect(end?.socket?.end).toEqual({ statusCode: 1012, reason: 'Server is restarting' })
  })

  test('a handshake on a connection that is still there gets 503', async () => {
    const route = socketRoute()
    const site = await sites.start({ routes: [route] })
    const holding = await openSocket(urlOf(site, route))
    holding.ws.pause()
    const connection = await connectRaw(site.port)
    connection.write(handshake(route.token).slice(0, -2))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closing = site.ingress.close({ deadlineMs: 10_000 })
    connection.write('\r\n')
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 503 /)
    holding.ws.resume()
    await closing
    expect(await refusedSocket(urlOf(site, route)).catch(() => 'refused')).toBe('refused')
  })
})
