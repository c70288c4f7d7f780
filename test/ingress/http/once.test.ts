import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Route } from '../../../ingress/route.ts'
import { send } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const hour = 3_600_000
const keyed: NonNullable<Route['once']> = {
  by: 'Header',
  header: 'idempotency-key',
  required: false,
  sameRequest: true,
  ttlMs: 24 * hour,
}

const post = (key: string | undefined, body = 'pay'): RequestInit => ({
  method: 'POST',
  body,
  headers: key === undefined ? {} : { 'Idempotency-Key': key },
})

/** How many events are in the queue. */
async function stored(site: Site): Promise<number> {
  return (await site.runner.read({ count: 100, blockMs: 0 })).length
}

const eventId = ({ headers }: Response): string | null => headers.get('x-hooklet-event-id')

describe('a call with the key of another', () => {
  const route = routeOf('pay', { once: keyed })

  test('is answered like that one, and starts nothing', async () => {
    const site = await sites.start({ routes: [route] })
    const [first, second] = [await site.call(route, '', post('a')), await site.call(route, '', post('a'))]
    expect([second.status, await second.text()]).toEqual([first.status, await first.text()])
    expect(eventId(second)).toBe(eventId(first))
    expect(await stored(site)).toBe(1)
  })

  test('is another call of another webhook', async () => {
    const other = routeOf('refund', { once: keyed })
    const site = await sites.start({ routes: [route, other] })
    await site.call(route, '', post('a'))
    await site.call(other, '', post('a'))
    expect(await stored(site)).toBe(2)
  })

  test('runs again when the key is forgotten', async () => {
    const site = await sites.start({ routes: [route] })
    await site.call(route, '', post('a'))
    await site.clock.advance(24 * hour)
    await site.call(route, '', post('a'))
    expect(await stored(site)).toBe(2)
  })

  test.each([
    ['body', '', post('a', 'pay more')],
    ['method', '', { ...post('a'), method: 'PUT' }],
    ['path', '/x', post('a')],
    ['query', '?x=1', post('a')],
  ])('but another %s is refused', async (_, rest, init) => {
    const site = await sites.start({ routes: [route] })
    await site.call(route, '', post('a'))
    expect((await site.call(route, rest, init)).status).toBe(422)
    expect(await stored(site)).toBe(1)
  })

  test('is another call of a caller with other credentials, who must not get its answer', async () => {
    const shared = routeOf('pay', { once: keyed, auth: { bearer: [sha256('ada'), sha256('bob')] } })
    const site = await sites.start({ routes: [shared] })
    const as = (name: string) =>
      site.call(shared, '', {
        ...post('a'),
        headers: { 'Idempotency-Key': 'a', authorization: `Bearer ${name}` },
      })
    const [ada, bob, again] = [await as('ada'), await as('bob'), await as('ada')]
    expect(eventId(bob)).not.toBe(eventId(ada))
    expect(eventId(again)).toBe(eventId(ada))
  })

  describe('is the same call of a caller', () => {
    const secret = 'a-shared-secret-of-more-than-32-bytes'
    const token = (claims: object) => {
      const parts = [{ alg: 'HS256' }, { iss: 'https://a', aud: 'b', exp: 4_102_444_800, ...claims }]
      const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
      return `Bearer ${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
    }
    const jwt = { issuer: 'https://a', audiences: ['b'], clockSkewMs: 0 }
    const signed = routeOf('pay', { once: keyed, verification: { type: 'JWT', secrets: [secret], jwt } })
    const ids = async (route: typeof signed, ...authorizations: string[]) => {
      const site = await sites.start({ routes: [route] })
      const found = []
      for (const authorization of authorizations) {
        const headers = { 'Idempotency-Key': 'a', authorization }
        found.push(eventId(await site.call(route, '', { ...post('a'), headers })))
      }
      return found
    }

    test('whose token was refreshed meanwhile, and of no other subject', async () => {
      const [first, again, other] = await ids(
        signed,
        token({ sub: 'ada', jti: '1' }),
        token({ sub: 'ada', jti: '2' }),
        token({ sub: 'bob' }),
      )
      expect(first).toBeTruthy()
      expect(again).toBe(first)
      expect(other).not.toBe(first)
    })

    test('whose token names nobody, with that token alone', async () => {
      const [first, again, other] = await ids(signed, token({}), token({}), token({ jti: '2' }))
      expect(again).toBe(first)
      expect(other).not.toBe(first)
    })

    test('who logs in, in whatever spelling', async () => {
      const basic = Buffer.from('ada:pass').toString('base64')
      const route = routeOf('pay', { once: keyed, auth: { basic: sha256('ada:pass') } })
      const [first, again] = await ids(route, `Basic ${basic}`, `BASIC ${basic}`)
      expect(again).toBe(first)
    })
  })

  test('counts against the rate', async () => {
    const limited = routeOf('pay', { once: keyed, limits: { rate: { requests: 2 } } })
    const site = await sites.start({ routes: [limited] })
    const statuses = []
    for (let nth = 0; nth < 3; nth++) statuses.push((await site.call(limited, '', post('a'))).status)
    expect(statuses).toEqual([200, 200, 429])
  })
})

describe('a call without a key', () => {
  test('runs like any other', async () => {
    const route = routeOf('pay', { once: keyed })
    const site = await sites.start({ routes: [route] })
    await site.call(route, '', post(undefined))
    await site.call(route, '', post(undefined))
    expect(await stored(site)).toBe(2)
  })

  test('is refused where one is required', async () => {
    const route = routeOf('pay', { once: { ...keyed, required: true } })
    const site = await sites.start({ routes: [route] })
    expect((await site.call(route, '', post(undefined))).status).toBe(400)
    expect(await stored(site)).toBe(0)
  })
})

test.each([
  ['empty', { 'Idempotency-Key': '' }],
  ['too long', { 'Idempotency-Key': 'k'.repeat(256) }],
])('a key that is %s is refused', async (_, headers) => {
  const route = routeOf('pay', { once: keyed })
  const site = await sites.start({ routes: [route] })
  expect((await site.call(route, '', { headers })).status).toBe(400)
})

describe('where callers wait', () => {
  const route = routeOf('pay', { once: keyed, response: { mode: 'Reply', timeoutMs: 10_000 } })
  const receipt = { kind: 'reply', status: 201, headers: { 'X-Receipt': '7' }, body: { receipt: 7 } } as const

  test('the reply is given again', async () => {
    const site = await sites.start({ routes: [route] })
    const called = site.call(route, '', post('a'))
    const event = await site.nextEvent()
    const early = await site.call(route, '', post('a'))
    expect([early.status, early.headers.get('retry-after')]).toEqual([409, '1'])
    await site.reply(event, receipt)
    const first = await called
    const second = await site.call(route, '', post('a'))
    for (const answer of [first, second]) {
      expect([answer.status, answer.headers.get('x-receipt'), await answer.json()]).toEqual([
        201,
        '7',
        { receipt: 7 },
      ])
      expect(eventId(answer)).toBe(event.id)
    }
    expect(await stored(site)).toBe(0)
  })

  test('a reply that came too late for the first caller is there for the second', async () => {
    const site = await sites.start({ routes: [route] })
    const called = site.call(route, '', post('a'))
    const event = await site.nextEvent()
    await site.clock.advance(10_050)
    expect((await called).status).toBe(504)
    expect(await site.reply(event, receipt)).toBe('late')
    expect((await site.call(route, '', post('a'))).status).toBe(201)
  })

  test('a run without a reply is not run again either', async () => {
    const site = await sites.start({ routes: [route] })
    const called = site.call(route, '', post('a'))
    await site.reply(await site.nextEvent(), { kind: 'failed' })
    expect((await called).status).toBe(502)
    expect((await site.call(route, '', post('a'))).status).toBe(502)
    expect(await stored(site)).toBe(0)
  })
})

describe('a delivery that comes again', () => {
  const route = routeOf('hub', {
    verification: { type: 'GitHub', secrets: ['secret'] },
    once: { by: 'Delivery', required: true, sameRequest: false, ttlMs: hour },
  })
  const signed = (body: string, secret = 'secret') => ({
    'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  })
  const delivery = (id: string, body: string, secret?: string) => ({
    method: 'POST',
    body,
    headers: { 'X-GitHub-Delivery': id, ...signed(body, secret) },
  })

  test('is known after it was verified', async () => {
    const site = await sites.start({ routes: [route] })
    const call = async (init: RequestInit) => (await site.call(route, '', init)).status
    expect(await call(delivery('1', '{"a":1}', 'wrong'))).toBe(401)
    expect(await call(delivery('1', '{"a":1}'))).toBe(200)
    expect(await call(delivery('1', '{"a":1}'))).toBe(200)
    expect(await call(delivery('2', '{"a":2}'))).toBe(200)
    expect(await stored(site)).toBe(2)
  })

  test('is known whatever whoever recorded it changes: an id that is changed, missing or there twice', async () => {
    const site = await sites.start({ routes: [route] })
    const path = `/webhooks/${route.token}`
    const lines = (...ids: string[]): [string, string][] => [
      ...Object.entries(signed('{"a":1}')),
      ...ids.map((id): [string, string] => ['X-GitHub-Delivery', id]),
    ]
    const body = Buffer.from('{"a":1}')
    for (const ids of [['1'], ['2'], [], [''], ['1', '1'], ['3', '4']])
      expect((await send(site.port, { path, headers: lines(...ids), body })).status).toBe(200)
    const [[name, value] = ['', '']] = Object.entries(signed('{"a":1}'))
    const upper = `sha256=${value.slice('sha256='.length).toUpperCase()}`
    expect((await send(site.port, { path, headers: [[name, upper]], body })).status).toBe(200)
    expect(await stored(site)).toBe(1)
  })

  test('under other names of the headers is still known by the id that was verified', async () => {
    const svix = routeOf('svix', {
      verification: {
        type: 'StandardWebhooks',
        secrets: [`whsec_${Buffer.alloc(24, 1).toString('base64')}`],
      },
      once: { by: 'Delivery', required: true, sameRequest: false, ttlMs: hour },
    })
    const site = await sites.start({ routes: [svix] })
    const seconds = String(site.clock.now() / 1000)
    const text = `msg_1.${seconds}.{}`
    const signature = createHmac('sha256', Buffer.alloc(24, 1)).update(text).digest('base64')
    const headers: [string, string][] = [
      ['svix-id', 'msg_1'],
      ['svix-timestamp', seconds],
      ['svix-signature', `v1,${signature}`],
    ]
    const more: [string, string][][] = [
      [],
      [['webhook-id', 'other']],
      [
        ['webhook-id', 'a'],
        ['webhook-id', 'b'],
      ],
    ]
    for (const added of more) {
      const call = {
        path: `/webhooks/${svix.token}`,
        headers: [...headers, ...added],
        body: Buffer.from('{}'),
      }
      expect((await send(site.port, call)).status).toBe(200)
    }
    expect(await stored(site)).toBe(1)
  })

  describe('where the provider waits for the reply', () => {
    const waiting = { ...route, response: { ...route.response, mode: 'Reply' as const } }

    test('runs again when the first run failed, so that nothing is lost', async () => {
      const site = await sites.start({ routes: [waiting] })
      const first = site.call(waiting, '', delivery('1', '{}'))
      await site.reply(await site.nextEvent(), { kind: 'failed' })
      expect((await first).status).toBe(502)
      const second = site.call(waiting, '', delivery('1', '{}'))
      await site.reply(await site.nextEvent(), { kind: 'reply', status: 201, headers: {}, body: 'done' })
      expect((await second).status).toBe(201)
      expect((await site.call(waiting, '', delivery('1', '{}'))).status).toBe(201)
      expect(await stored(site)).toBe(0)
    })

    test('is told that it was taken as long as the first one runs', async () => {
      const site = await sites.start({ routes: [waiting] })
      const first = site.call(waiting, '', delivery('1', '{}'))
      const event = await site.nextEvent()
      expect((await site.call(waiting, '', delivery('1', '{}'))).status).toBe(200)
      await site.reply(event, { kind: 'output', body: '{}' })
      expect((await first).status).toBe(200)
    })

    test('is told so, too, when the run ended without a reply', async () => {
      const site = await sites.start({ routes: [waiting] })
      const first = site.call(waiting, '', delivery('1', '{}'))
      await site.reply(await site.nextEvent(), { kind: 'ended' })
      expect((await first).status).toBe(502)
      expect((await site.call(waiting, '', delivery('1', '{}'))).status).toBe(200)
      expect(await stored(site)).toBe(0)
    })
  })

  describe('may be known by a header of its own', () => {
    const byHeader = {
      ...route,
      once: { ...keyed, header: 'x-delivery', required: true, sameRequest: false },
    }

    test('whatever else differs', async () => {
      const site = await sites.start({ routes: [byHeader] })
      for (const body of ['{"a":1}', '{"a":2}']) {
        const init = delivery('1', body)
        await site.call(byHeader, '', {
          ...init,
          headers: { ...init.headers, 'X-Delivery': 'k'.repeat(300) },
        })
      }
      expect(await stored(site)).toBe(1)
    })

    test.each([
      ['missing', []],
      ['empty', ['']],
      ['there twice', ['a', 'a']],
    ])('which is not %s: that is refused', async (_, ids) => {
      const site = await sites.start({ routes: [byHeader] })
      const headers = [
        ...Object.entries(signed('{}')),
        ...ids.map((id): [string, string] => ['X-Delivery', id]),
      ]
      const call = { path: `/webhooks/${byHeader.token}`, headers, body: Buffer.from('{}') }
      expect((await send(site.port, call)).status).toBe(400)
      expect(await stored(site)).toBe(0)
    })
  })
})
