import { afterEach, describe, expect, test } from '@jest/globals'
import { connectRaw } from './raw.ts'
import { createSites } from './site.ts'
import { routeOf } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

const route = routeOf('orders')
const waitingRoute = routeOf('waiting', { response: { mode: 'Reply' } })

describe('health and readiness', () => {
  test('a site that serves is both', async () => {
    const site = await sites.start({})
    const origin = `http://127.0.0.1:${site.healthPort}`
    const health = await fetch(`${origin}/healthz`)
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }])
    const ready = await fetch(`${origin}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }])
    expect((await fetch(`${origin}/readyz`, { method: 'HEAD' })).status).toBe(200)
    expect((await fetch(`${origin}/`)).status).toBe(404)
  })

  test('callers find neither', async () => {
    const site = await sites.start({})
    for (const path of ['/healthz', '/readyz', '/metrics', '/']) {
      const answer = await fetch(`http://127.0.0.1:${site.port}${path}`)
      expect([answer.status, await answer.json()]).toEqual([404, { error: 'Not found' }])
    }
  })

  test('a flood that takes every connection of callers does not touch the probes', async () => {
    const site = await sites.start({ limits: { connections: 20 } })
    const flood = await Promise.all(Array.from({ length: 20 }, () => connectRaw(site.port)))
    const [first] = flood
    first?.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await first?.until(/Not found"\}$/)
    const late = await connectRaw(site.port)
    expect(await late.closed()).toBe('')
    for (const path of ['/healthz', '/readyz'])
      expect((await fetch(`http://127.0.0.1:${site.healthPort}${path}`)).status).toBe(200)
    for (const connection of flood) connection.destroy()
  })

  test.each([
    ['says no', () => Promise.resolve(false)],
    ['can not be asked', () => Promise.reject(new Error('away'))],
  ])('not ready when the state %s', async (_, ready) => {
    const site = await sites.start({ wrap: (state) => ({ ...state, ready }) })
    const answer = await fetch(`http://127.0.0.1:${site.healthPort}/readyz`)
    expect([answer.status, await answer.json()]).toEqual([503, { error: 'Not ready' }])
    expect((await fetch(`http://127.0.0.1:${site.healthPort}/healthz`)).status).toBe(200)
  })

  test('not ready when the state does not answer in a second', async () => {
    const asked = Promise.withResolvers<void>()
    const ready = () => {
      asked.resolve()
      return new Promise<boolean>(() => {})
    }
    const site = await sites.start({ wrap: (state) => ({ ...state, ready }) })
    const call = fetch(`http://127.0.0.1:${site.healthPort}/readyz`)
    await asked.promise
    await site.clock.advance(1_050)
    expect((await call).status).toBe(503)
  })
})

describe('closing', () => {
  test('answers what is in flight, takes no new connection, and closes those that are idle', async () => {
    const site = await sites.start({ routes: [route, waitingRoute] })
    const idle = await connectRaw(site.port)
    idle.write(`GET / HTTP/1.1\r\nHost: x\r\n\r\n`)
    await idle.until(/Not found"\}$/)
    const fresh = await connectRaw(site.port)
    const call = site.call(waitingRoute)
    const event = await site.nextEvent()

    const closed = site.ingress.close({ deadlineMs: 10_000 })
    await idle.closed()
    await fresh.closed()
    await expect(fetch(`http://127.0.0.1:${site.port}/`)).rejects.toThrow()

    await site.reply(event, { kind: 'reply', status: 201, headers: {}, body: null })
    const answer = await call
    expect([answer.status, answer.headers.get('connection')]).toEqual([201, 'close'])
    await closed
    expect(await site.reply(event, { kind: 'reply', status: 201, headers: {}, body: null })).toBe('late')
  })

  test('with readiness off calls are accepted for as long as load balancers need', async () => {
    const site = await sites.start({ routes: [route] })
    const closed = site.ingress.close({ deadlineMs: 10_000, acceptMs: 3_000 })
    const ready = await fetch(`http://127.0.0.1:${site.healthPort}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([503, { error: 'Not ready' }])
    const answer = await site.call(route)
    expect([answer.status, await answer.json()]).toEqual([200, { success: true }])
    // The next call of this caller finds its way to another pod.
    expect(answer.headers.get('connection')).toBe('close')
    await site.clock.advance(3_050)
    await closed
    await expect(site.call(route)).rejects.toThrow()
  })

  test('at the deadline those who still wait are told, and their places are given back', async () => {
    const given: string[] = []
    const site = await sites.start({
      routes: [waitingRoute],
      wrap: (state) => ({
        ...state,
        async release(partition, lease) {
          await state.release(partition, lease)
          given.push(lease.id)
        },
      }),
    })
    const call = site.call(waitingRoute)
    const event = await site.nextEvent()
    const silent = await connectRaw(site.port)
    silent.write('GET / HTTP/1.1\r\n')
    const closed = site.ingress.close({ deadlineMs: 5_000 })
    await site.clock.advance(5_050)
    const answer = await call
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.json()).toEqual({ error: 'Server is shutting down' })
    // A request that never ends does not hold up the process.
    await site.clock.advance(550)
    await silent.closed()
    await closed
    expect(given).toEqual([event.reply?.id])
    expect(await site.reply(event, { kind: 'reply', status: 201, headers: {}, body: null })).toBe('late')
  })

  test('twice is once, and before listening is nothing', async () => {
    const site = await sites.start({})
    await Promise.all([site.ingress.close({ deadlineMs: 0 }), site.ingress.close({ deadlineMs: 0 })])
  })

  test('an address that is taken is an error of listen', async () => {
    const site = await sites.start({})
    const other = await sites.start({})
    await expect(other.ingress.listen({ port: site.port, host: '127.0.0.1' })).rejects.toThrow()
  })
})
