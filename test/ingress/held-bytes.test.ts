import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createHeldBytes } from '../../ingress/held-bytes.ts'
import { Unfinished } from '../../ingress/websocket/unfinished.ts'
import type { RawConnection } from './raw.ts'
import { connectRaw } from './raw.ts'
import { createSites } from './site.ts'
import type { Site } from './site.ts'
import { routeOf } from './support.ts'
import { eventsUntil, handshake, socketRoute } from './websocket/support.ts'

const sites = createSites()
afterEach(() => sites.end())

describe('bytes held for callers', () => {
  test('those who have moved least recently give way until there is room', () => {
    const gone: string[] = []
    const held = createHeldBytes(100)
    const [one, two, three] = ['one', 'two', 'three'].map((name) => held.holder(() => gone.push(name)))
    one?.keep(40)
    two?.keep(40)
    one?.keep(10)
    three?.keep(60)
    expect(gone).toEqual(['two', 'one'])
    expect(held.total).toBe(60)
    three?.free(20)
    expect(held.total).toBe(40)
    three?.end()
    three?.free(20)
    expect(held.total).toBe(0)
  })

  test('one that is too much by itself gives way itself', () => {
    const gone: string[] = []
    const held = createHeldBytes(100)
    held.holder(() => gone.push('one')).keep(101)
    expect([gone, held.total]).toEqual([['one'], 0])
  })
})

const route = routeOf('orders', { limits: { rate: { requests: 1_000 } } })

async function beginBody(site: Site, bytes: number): Promise<RawConnection> {
  const connection = await connectRaw(site.port)
  connection.write(
    `POST /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 * bytes}\r\n\r\n`,
  )
  connection.write('x'.repeat(bytes))
  return connection
}

describe('bodies that are not finished', () => {
  test('give way to those that come: the one that has stalled longest gets a 503, and good calls pass', async () => {
    const site = await sites.start({ routes: [route], limits: { heldBytes: 100_000 } })
    const stalled: RawConnection[] = []
    for (let each = 0; each < 4; each += 1) {
      stalled.push(await beginBody(site, 30_000))
      await untilHeld(site, Math.min(each + 1, 3) * 30_000)
    }
    expect(await stalled[0]?.until(/\}$/)).toMatch(
      /^HTTP\/1\.1 503 [^]*Retry-After: 5[^]*Too many unfinished requests/,
    )
    expect((await site.call(route, '', { method: 'POST', body: 'y'.repeat(9_000) })).status).toBe(200)
    for (const connection of stalled.slice(1)) connection.write('x'.repeat(30_000))
    for (const connection of stalled.slice(1))
      expect(await connection.until(/\}$/)).toMatch(/^HTTP\/1\.1 200/)
    await untilHeld(site, 0)
    for (const connection of stalled) connection.destroy()
  })

  test('are forgotten with their caller', async () => {
    const site = await sites.start({ routes: [route] })
    const connection = await beginBody(site, 30_000)
    await untilHeld(site, 30_000)
    connection.destroy()
    await untilHeld(site, 0)
  })
})

describe('WebSockets', () => {
  const chat = socketRoute('chat', { limits: { rate: { requests: 1_000 }, payloadBytes: 262_144 } })

  /** The head of a masked frame of so many bytes, masked with zeros. */
  const frame = (length: number, first = 0x82): Buffer => {
    const head = Buffer.alloc(14)
    head.set([first, 0xff])
    head.writeBigUInt64BE(BigInt(length), 2)
    return head
  }

  async function open(site: Site): Promise<RawConnection> {
    const connection = await connectRaw(site.port)
    connection.write(handshake(chat.token))
    await connection.until(/\r\n\r\n$/)
    return connection
  }

  test('a message that is not finished gives way, and its connection ends with 1013', async () => {
    const site = await sites.start({ routes: [chat], limits: { heldBytes: 100_000 } })
    const first = await open(site)
    first.write(Buffer.concat([frame(200_000), Buffer.alloc(60_000)]))
    await untilHeld(site, 60_014, 70_000)
    const second = await open(site)
    second.write(Buffer.concat([frame(200_000), Buffer.alloc(60_000)]))
    const [end] = (await eventsUntil(site, 'disconnect')).slice(-1)
    expect(end?.socket?.end).toEqual({ statusCode: 1013, reason: 'Too many unfinished messages' })
    expect(await first.closed()).toContain('Too many unfinished messages')
    await untilHeld(site, 60_014, 70_000)
    second.destroy()
    await untilHeld(site, 0)
  })

  test('a message that is stored is not held', async () => {
    const site = await sites.start({ routes: [chat] })
    const connection = await open(site)
    for (let each = 0; each < 3; each += 1)
      connection.write(Buffer.concat([frame(70_000), Buffer.alloc(70_000)]))
    for (let messages = 0; messages < 3; messages += 1) await eventsUntil(site, 'message')
    await untilHeld(site, 0)
    connection.destroy()
  })

  test('a message in fragments of a byte counts for what they take, and ends its connection when there are too many', async () => {
    const site = await sites.start({ routes: [chat], socketLimits: { fragments: 1_000 } })
    const connection = await open(site)
    // A byte masked with zeros; the first has the opcode, and none is the last.
    const fragment = (first: number): Buffer => Buffer.from([first, 0x81, 0, 0, 0, 0, 0])
    connection.write(Buffer.concat([fragment(0x02), ...Array.from({ length: 999 }, () => fragment(0x00))]))
    await untilHeld(site, 100_000, 200_000)
    connection.write(fragment(0x00))
    expect(await connection.closed()).toContain('Message in too many pieces')
    const [end] = (await eventsUntil(site, 'disconnect')).slice(-1)
    expect(end?.socket?.end).toEqual({ statusCode: 1008, reason: 'Message in too many pieces' })
    await untilHeld(site, 0)
  })

  test('control frames between the fragments of a message let go of nothing that the fragments hold on to', async () => {
    const site = await sites.start({ routes: [chat] })
    const connection = await open(site)
    const pong = Buffer.concat([Buffer.from([0x8a, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)])
    const pongs = Buffer.concat(Array.from({ length: 400 }, () => pong))
    connection.write(Buffer.concat([Buffer.from([0x02, 0x81, 0, 0, 0, 0, 0]), pongs]))
    await untilHeld(site, pongs.length, 2 * pongs.length)
    // The last fragment: the message is complete.
    connection.write(Buffer.from([0x80, 0x80, 0, 0, 0, 0]))
    await eventsUntil(site, 'message')
    await untilHeld(site, 0)
    connection.destroy()
  })

  test('what is kept of a message is told whatever the chunks are that its frames come in', () => {
    const text = Buffer.concat([Buffer.from([0x01, 0xfe, 0x01, 0x00, 1, 2, 3, 4]), Buffer.alloc(256)])
    const wire = Buffer.concat([
      text,
      Buffer.from([0x89, 0x80, 0, 0, 0, 0]),
      Buffer.from([0x80, 0x80, 0, 0, 0, 0]),
    ])
    for (const size of [1, 2, 3, 7, 263, 264, 265, wire.length]) {
      const unfinished = new Unfinished()
      for (let at = 0; at < wire.length; at += size) {
        expect(unfinished.bytes >= at).toBe(true)
        unfinished.received(wire.subarray(at, at + size))
      }
      expect(unfinished.bytes).toBe(0)
    }
  })
})

async function untilHeld(site: Site, from: number, to = from): Promise<void> {
  while (site.ingress.heldBytes < from || site.ingress.heldBytes > to) await sleep(5)
}
