import { afterEach, describe, expect, test } from '@jest/globals'
import type { Route } from '../../../ingress/route.ts'
import { createSites } from '../site.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const app = 'https://app.example.com'
const cors: Route['cors'] = {
  origins: [app, 'http://localhost:3000'],
  methods: ['GET', 'POST'],
  headers: ['Content-Type', 'Authorization'],
}
const anyone: Route['cors'] = { origins: ['*'], methods: ['POST'], headers: ['*'] }

async function call(route: Route, init: RequestInit): Promise<Response> {
  const site = await sites.start({ routes: [route] })
  return await site.call(route, '', init)
}

const preflight = (origin: string, headers = 'content-type'): RequestInit => ({
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': headers },
})

/** The headers that a browser goes by. */
const spoken = ({ headers }: Response): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-') || name === 'vary'))

const variesBy = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

describe('a preflight', () => {
  test('says what the webhook allows, counts as nothing and starts nothing', async () => {
    const route = routeOf('hook', {
      cors,
      limits: { rate: { requests: 1 } },
      auth: { bearer: [sha256('secret')] },
    })
    const site = await sites.start({ routes: [route] })
    for (let nth = 0; nth < 3; nth++) {
      const answer = await site.call(route, '/deeper?x=1', preflight(app))
      expect([answer.status, await answer.text()]).toEqual([204, ''])
      expect(spoken(answer)).toEqual({
        'access-control-allow-origin': app,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'Content-Type, Authorization',
        'access-control-max-age': '600',
        vary: variesBy,
      })
    }
    const real = await site.call(route, '', {
      method: 'POST',
      headers: { origin: app, authorization: 'Bearer secret' },
    })
    expect(real.status).toBe(200)
    expect((await site.nextEvent()).method).toBe('post')
  })

  test('of another origin gets no permission', async () => {
    const answer = await call(routeOf('hook', { cors }), preflight('https://app.example.com.evil.example'))
    expect([answer.status, spoken(answer)]).toEqual([204, { vary: variesBy }])
  })

  test('with * for the headers is told those that it asks for, if they are names', async () => {
    const route = routeOf('hook', { cors: anyone })
    const site = await sites.start({ routes: [route] })
    const asked = async (headers: string) => spoken(await site.call(route, '', preflight(app, headers)))
    expect(await asked('x-one, authorization')).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'x-one, authorization',
    })
    expect(await asked('x-one: y')).not.toHaveProperty('access-control-allow-headers')
  })

  test('is answered whatever the state of the webhook, so that the page can read what the call itself gets', async () => {
    const route = routeOf('hook', { cors, state: 'Suspended' })
    expect((await call(route, preflight(app))).status).toBe(204)
  })
})

describe('a call of a page', () => {
  test('may be read by it, a refusal too', async () => {
    const route = routeOf('hook', { cors, auth: { bearer: [sha256('secret')] } })
    const answer = await call(route, { method: 'POST', headers: { origin: app } })
    expect(answer.status).toBe(401)
    expect(spoken(answer)).toMatchObject({ 'access-control-allow-origin': app, vary: 'Origin' })
    expect(answer.headers.get('access-control-expose-headers')).toContain('Retry-After')
  })

  test('of another origin gets an answer that its browser does not show', async () => {
    const answer = await call(routeOf('hook', { cors }), { headers: { origin: 'https://evil.example' } })
    expect([answer.status, spoken(answer)]).toEqual([200, { vary: 'Origin' }])
  })

  test('is permitted once, whatever the run says of it', async () => {
    const route = routeOf('hook', { cors, response: { mode: 'Reply' } })
    const site = await sites.start({ routes: [route] })
    const called = site.call(route, '', { headers: { origin: app } })
    await site.reply(await site.nextEvent(), {
      kind: 'reply',
      status: 200,
      headers: { 'Access-Control-Allow-Origin': '*', 'X-Other': 'kept' },
      body: null,
    })
    const answer = await called
    expect(answer.headers.get('access-control-allow-origin')).toBe(app)
    expect(answer.headers.get('x-other')).toBe('kept')
  })
})

describe('a webhook without cors', () => {
  test('permits nothing to a preflight, and starts nothing', async () => {
    const route = routeOf('hook')
    const site = await sites.start({ routes: [route] })
    const answer = await site.call(route, '', preflight(app))
    expect([answer.status, spoken(answer)]).toEqual([204, {}])
    await site.call(route)
    expect((await site.nextEvent()).method).toBe('get')
  })

  test('takes any other OPTIONS as a call', async () => {
    const route = routeOf('hook')
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route, '', { method: 'OPTIONS' })).status).toBe(200)
    expect((await site.nextEvent()).method).toBe('options')
  })
})

test('what is not found is not told apart by its headers', async () => {
  const routes = [
    routeOf('exact', { cors, path: 'Exact' }),
    routeOf('socket', { cors, type: 'WebSocket', state: 'Suspended' }),
  ]
  const site = await sites.start({ routes })
  const names = async (path: string, init: RequestInit) => {
    const answer = await fetch(`http://127.0.0.1:${site.port}/webhooks/${path}`, init)
    expect(answer.status).toBe(404)
    return [...answer.headers.keys()]
  }
  const unknown = await names('unknown', preflight(app))
  expect(await names(`${routes[0]?.token}/more`, preflight(app))).toEqual(unknown)
  expect(await names(`${routes[1]?.token}`, preflight(app))).toEqual(unknown)
})

describe('the rate', () => {
  test('is told with every answer of the webhook, and what is left of it when nothing is', async () => {
    const route = routeOf('hook', { limits: { rate: { requests: 1, windowMs: 60_000, per: 'ClientIP' } } })
    const site = await sites.start({ routes: [route] })
    const first = await site.call(route)
    expect([first.headers.get('ratelimit-policy'), first.headers.get('ratelimit')]).toEqual([
      '"client";q=1;w=60',
      null,
    ])
    await site.clock.advance(20_500)
    const second = await site.call(route)
    expect([second.status, second.headers.get('ratelimit')]).toEqual([429, '"client";r=0;t=40'])
    expect(second.headers.get('retry-after')).toBe('40')
  })

  test('of a window that is no whole number of seconds is told without it', async () => {
    const answer = await call(routeOf('hook', { limits: { rate: { requests: 5, windowMs: 500 } } }), {})
    expect(answer.headers.get('ratelimit-policy')).toBe('"webhook";q=5')
  })
})
