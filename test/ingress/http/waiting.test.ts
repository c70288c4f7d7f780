import { afterEach, describe, expect, test } from '@jest/globals'
import { connectRaw } from '../raw.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'
import type { ReplyMessage, Verdict } from '../../../state/state.ts'
import { StateUnavailable } from '../../../state/state.ts'

const sites = createSites()
afterEach(() => sites.end())

const reply = (body: string, status = 200): ReplyMessage => ({ kind: 'reply', status, headers: {}, body })

describe('mode Reply', () => {
  test('L10 L11 the caller waits for what a run replies to the id in its event', async () => {
    const route = routeOf('orders', {
      response: { mode: 'Reply', statusCode: 500, headers: { 'x-static': 'a' } },
    })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route, '/x', { method: 'POST', body: 'hi' })
    const event = await site.nextEvent()
    expect(event.reply).toEqual({ id: expect.any(String), mode: 'Reply' })
    const headers = { 'x-mine': 'b', 'content-type': 'text/csv' }
    expect(await site.reply(event, { kind: 'reply', status: 202, headers, body: 'a,b' })).toBe('first')
    const answer = await call
    expect(answer.status).toBe(202)
    expect(answer.headers.get('x-mine')).toBe('b')
    expect(answer.headers.get('x-static')).toBeNull()
    expect(answer.headers.get('content-type')).toBe('text/csv')
    expect(answer.headers.get('x-hooklet-event-id')).toBe(event.id)
    expect(await answer.text()).toBe('a,b')
  })

  test('L11 every call has a reply id of its own', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    const calls = ['/a', '/b', '/c'].map((path) => site.call(route, path))
    const events = [await site.nextEvent(), await site.nextEvent(), await site.nextEvent()]
    expect(new Set(events.map((event) => event.reply?.id)).size).toBe(3)
    for (const event of events.toReversed()) await site.reply(event, reply(event.path))
    expect(await Promise.all(calls.map(async (call) => (await call).text()))).toEqual(['/a', '/b', '/c'])
  })

  test('L12 no reply in 60 s gives 504', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route)
    const event = await site.nextEvent()
    let answered = false
    void call.then(() => (answered = true))
    await site.clock.advance(59_999)
    expect(answered).toBe(false)
    await site.clock.advance(51)
    const answer = await call
    expect(answer.status).toBe(504)
    expect(await answer.json()).toEqual({ error: 'Time out waiting for workflow reply' })
    expect(answer.headers.get('x-hooklet-event-id')).toBe(event.id)
    expect(await site.reply(event, reply('too late'))).toBe('late')
  })

  test('L13 the first reply wins, and later ones are told so', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route)
    const event = await site.nextEvent()
    expect(await site.reply(event, reply('one'))).toBe('first')
    expect(await site.reply(event, reply('two'))).toBe('late')
    expect(await (await call).text()).toBe('one')
  })

  test('a run that fails or ends without a reply is answered at once', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    for (const [failed, error] of [
      [true, 'Workflow failed'],
      [false, 'Workflow ended without a reply'],
    ] as const) {
      const call = site.call(route)
      const { id, reply, webhook } = await site.nextEvent()
      const address = { replyId: reply?.id ?? '', namespace: webhook.namespace }
      await site.runner.settle(address, { runId: `${id}/a`, failed: false, total: 2 })
      await site.runner.settle(address, { runId: `${id}/b`, failed, total: 2 })
      const answer = await call
      expect(answer.status).toBe(502)
      expect(await answer.json()).toEqual({ error })
    }
  })

  test('a reply that is too large is a 502', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route)
    await site.reply(await site.nextEvent(), reply('x'.repeat(256 * 1024 + 1)))
    expect((await call).status).toBe(502)
  })

  test('HEAD, 204 and 304 have no body', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    for (const [method, status] of [
      ['HEAD', 200],
      ['POST', 204],
      ['GET', 304],
    ] as const) {
      const call = site.call(route, '', { method })
      await site.reply(await site.nextEvent(), reply('a body', status))
      const answer = await call
      expect([answer.status, await answer.text()]).toEqual([status, ''])
    }
  })
})

describe('mode Output', () => {
  test('C14 the output goes out with the status and headers of the webhook', async () => {
    const response = {
      mode: 'Output',
      statusCode: 201,
      headers: { 'content-type': 'application/json', 'x-a': 'b' },
    } as const
    const route = routeOf('flow', { response })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route)
    const event = await site.nextEvent()
    expect(event.reply?.mode).toBe('Output')
    await site.reply(event, { kind: 'output', body: { valid: false } })
    const answer = await call
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-a')).toBe('b')
    expect(await answer.json()).toEqual({ valid: false })
  })

  test('C18 no output in 30 s gives 408 where the webhook says so; what comes late is not in the answer', async () => {
    const route = routeOf('flow', { response: { mode: 'Output', timeoutMs: 30_000, timeoutStatusCode: 408 } })
    const site = await sites.start({ routes: [route] })
    const call = site.call(route)
    const event = await site.nextEvent()
    await site.clock.advance(30_050)
    expect(await site.reply(event, { kind: 'output', body: 'late' })).toBe('late')
    const answer = await call
    expect(answer.status).toBe(408)
    expect(await answer.json()).toEqual({ error: 'Time out waiting for workflow reply' })
  })
})

describe('a caller who leaves', () => {
  const route = routeOf('orders', { response: { mode: 'Reply' }, limits: { connections: 1 } })
  const head = `GET /webhooks/${route.token} HTTP/1.1\r\nHost: x\r\n\r\n`

  test('gives its place back and closes its reply', async () => {
    const gone = Promise.withResolvers<void>()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        async release(partition, lease) {
          await state.release(partition, lease)
          gone.resolve()
        },
      }),
    })
    const connection = await connectRaw(site.port)
    connection.write(head)
    const event = await site.nextEvent()
    expect((await site.call(route)).status).toBe(429)
    connection.destroy()
    await gone.promise
    expect(await site.reply(event, reply('x'))).toBe('late')
    const next = site.call(route)
    await site.reply(await site.nextEvent(), reply('x'))
    expect((await next).status).toBe(200)
  })

  test('before the verdict gives its place back after it', async () => {
    const acts: string[] = []
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        async admit(admission) {
          asked.resolve()
          await gate.promise
          acts.push('admit')
          return state.admit(admission)
        },
        async release(partition, lease) {
          acts.push('release')
          await state.release(partition, lease)
          released.resolve()
        },
      }),
    })
    const connection = await connectRaw(site.port)
    connection.write(head)
    await asked.promise
    connection.destroy()
    await connection.closed()
    // What came to the server before this answer, the end of that connection, it has seen.
    await fetch(`http://127.0.0.1:${site.port}/`)
    gate.resolve()
    await released.promise
    expect(acts).toEqual(['admit', 'release'])
  })
})

describe('the verdict and the reply', () => {
  test('a reply that is faster than the verdict is the answer', async () => {
    const route = routeOf('orders', { response: { mode: 'Reply' }, limits: { connections: 1 } })
    const gate = Promise.withResolvers<void>()
    let first = true
    const site = await sites.start({
      routes: [route],
      wrap: (state) => ({
        ...state,
        async admit(admission) {
          const verdict = await state.admit(admission)
          if (first) await gate.promise
          first = false
          return verdict
        },
      }),
    })
    const call = site.call(route)
    await site.reply(await site.nextEvent(), reply('fast'))
    const answer = await call
    expect(await answer.text()).toBe('fast')
    expect(answer.headers.get('x-hooklet-event-id')).toBeTruthy()
    // The place is free once the verdict is in.
    gate.resolve()
    const next = site.call(route)
    await site.reply(await site.nextEvent(), reply('again'))
    expect(await (await next).text()).toBe('again')
  })

  const refusals: [verdict: Verdict | Error, status: number, retryAfter: string | null, error: string][] = [
    [{ kind: 'crowded' }, 429, '1', 'Too many concurrent connections'],
    [{ kind: 'backlogged' }, 503, '5', 'Too many events are waiting'],
    [{ kind: 'throttled', retryAfterMs: 1 }, 429, '1', 'Over rate limit, request throttled'],
    [{ kind: 'throttled', retryAfterMs: 2_001 }, 429, '3', 'Over rate limit, request throttled'],
    [new StateUnavailable('away'), 503, '1', 'Service unavailable'],
    [new Error('a fault of ours'), 500, null, 'Internal error'],
  ]
  test.each(refusals)(
    '%j is %d in every mode, and nobody waits on',
    async (verdict, status, retryAfter, error) => {
      const routes = (['Immediate', 'Reply', 'Output'] as const).map((mode) =>
        routeOf(mode.toLowerCase(), { response: { mode } }),
      )
      const given: string[] = []
      const site = await sites.start({
        routes,
        wrap: (state) => ({
          ...state,
          admit: () => (verdict instanceof Error ? Promise.reject(verdict) : Promise.resolve(verdict)),
          release: async (_, lease) => void given.push(lease.id),
        }),
      })
      for (const route of routes) {
        const answer = await site.call(route, '', { method: 'POST', body: 'x' })
        expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter])
        expect(await answer.json()).toEqual({ error })
        expect(answer.headers.get('x-hooklet-event-id')).toBeNull()
      }
      // Only when it is unknown whether a place was taken, it is given back.
      expect(given).toHaveLength(verdict instanceof Error ? 2 : 0)
      await site.clock.advance(60_050)
      const faults = site.logged.filter(({ level }) => level === 'error')
      expect(faults).toHaveLength(status === 500 ? 3 : 0)
    },
  )
})
