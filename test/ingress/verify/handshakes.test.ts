/** What providers ask before they deliver, and what they are answered. Nothing of it starts a run. */
import { createHmac } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Route, Verification } from '../../../ingress/route.ts'
import { send } from '../send.ts'
import type { Answered, Sent } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf, sha256 } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const hmac = (secret: string, text: string, encoding: 'hex' | 'base64' = 'hex'): string =>
  createHmac('sha256', secret).update(text).digest(encoding)

/** Serves one webhook; `ask` calls it and makes sure that nothing was stored. */
async function serve(verification: Verification, change: Partial<Route> = {}) {
  let stored = 0
  const route = routeOf('asked', { verification, ...(change as object) })
  const site: Site = await sites.start({
    routes: [route],
    wrap: (state) => ({
      ...state,
      admit(admission) {
        if (admission.event !== undefined) stored++
        return state.admit(admission)
      },
    }),
  })
  return {
    site,
    async ask(rest: string, { method = 'GET', headers = [], body = Buffer.alloc(0) }: Partial<Sent> = {}) {
      const before = stored
      const answer = await send(site.port, { method, path: `/webhooks/${route.token}${rest}`, headers, body })
      return { ...answer, stored: stored - before }
    },
  }
}

function expectEcho(answer: Answered & { stored: number }, text: string): void {
  expect(answer).toMatchObject({ status: 200, body: text, stored: 0 })
  expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
}

const failed = (status: number) => ({ status, body: '{"error":"Verification failed"}', stored: 0 })

describe('Facebook', () => {
  const verification = { type: 'Facebook', code: 'täst & token', secrets: ['app secret'] }
  const token = encodeURIComponent(verification.code)

  test('L21 R13 the right verify token gets the challenge back, as text', async () => {
    const { ask } = await serve(verification)
    expectEcho(
      await ask(`?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1158201444`),
      '1158201444',
    )
    expectEcho(
      await ask(`?hub.challenge=%3Cscript%3E&hub.mode=subscribe&hub.verify_token=${token}`),
      '<script>',
    )
  })

  test.each([
    '',
    '?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1',
    '?hub.mode=subscribe&hub.verify_token=&hub.challenge=1',
    `?hub.mode=unsubscribe&hub.verify_token=${token}&hub.challenge=1`,
    `?hub.mode=subscribe&hub.verify_token=${token}`,
    `?hub.mode=subscribe&hub.verify_token=${token}&hub.verify_token=${token}&hub.challenge=1`,
    `?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1&hub.challenge=2`,
    `?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=%E4`,
    `?hub.mode=subscribe&hub.verify_token=%zz&hub.challenge=1`,
  ])('L21 R13 else 403: %s', async (query) => {
    const { ask } = await serve(verification)
    expect(await ask(query)).toMatchObject(failed(403))
  })

  test('L17 without the app secret events pass unsigned', async () => {
    const { ask } = await serve({ type: 'Facebook', code: 'any text' })
    expect(await ask('', { method: 'POST', body: Buffer.from('{"object":"page"}') })).toMatchObject({
      status: 200,
      stored: 1,
    })
  })
})

describe('Fitbit', () => {
  const verification = { type: 'Fitbit', code: 'c0de' }
  const response = { statusCode: 204 }

  test('L20 R13 the right code is answered with 204, a wrong or missing one with 404', async () => {
    const { ask } = await serve(verification, { response } as Partial<Route>)
    expect(await ask('?verify=c0de')).toMatchObject({ status: 204, body: '', stored: 0 })
    for (const query of ['?verify=other', '?verify=', '', '?verify=c0de&verify=c0de', '?verify=c0d%'])
      expect(await ask(query)).toMatchObject(failed(404))
  })

  test('L20 a notification gets 204', async () => {
    const { ask } = await serve(verification, { response } as Partial<Route>)
    expect(await ask('', { method: 'POST', body: Buffer.from('[{}]') })).toMatchObject({
      status: 204,
      stored: 1,
    })
  })
})

describe('Slack', () => {
  const secret = 'slack-signing-secret'
  const signed = (site: Site, text: string): Partial<Sent> => {
    const seconds = String(Math.floor(site.clock.now() / 1000))
    return {
      method: 'POST',
      body: Buffer.from(text),
      headers: [
        ['x-slack-request-timestamp', seconds],
        ['x-slack-signature', `v0=${hmac(secret, `v0:${seconds}:${text}`)}`],
      ],
    }
  }
  const challenge = '{"token":"t","challenge":"3eZbrw1a<b>","type":"url_verification"}'

  test('a signed challenge is echoed', async () => {
    const { site, ask } = await serve({ type: 'Slack', secrets: [secret] })
    expectEcho(await ask('', signed(site, challenge)), '3eZbrw1a<b>')
  })

  test('an unsigned challenge is refused', async () => {
    const { ask } = await serve({ type: 'Slack', secrets: [secret] })
    expect(await ask('', { method: 'POST', body: Buffer.from(challenge) })).toMatchObject(failed(401))
  })

  test.each([
    '{"event":{"text":"url_verification"},"challenge":"x"}',
    '{"type":"url_verification"}',
    '{"type":"url_verification","challenge":1}',
    '["url_verification"]',
    'text=url_verification',
  ])('what only looks like one is an event: %s', async (text) => {
    const { site, ask } = await serve({ type: 'Slack', secrets: [secret] })
    expect(await ask('', signed(site, text))).toMatchObject({ status: 200, stored: 1 })
  })
})

describe('Zoom', () => {
  const text = '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
  const signed = (site: Site, secret: string): Partial<Sent> => {
    const seconds = String(Math.floor(site.clock.now() / 1000))
    return {
      method: 'POST',
      body: Buffer.from(text),
      headers: [
        ['x-zm-request-timestamp', seconds],
        ['x-zm-signature', `v0=${hmac(secret, `v0:${seconds}:${text}`)}`],
      ],
    }
  }

  test.each(['old', 'new'])(
    'a validation signed with the %s secret is answered with the same',
    async (secret) => {
      const { site, ask } = await serve({ type: 'Zoom', secrets: ['new', 'old'] })
      const answer = await ask('', signed(site, secret))
      expect(answer).toMatchObject({ status: 200, stored: 0 })
      expect(answer.headers['content-type']).toBe('application/json')
      expect(JSON.parse(answer.body)).toEqual({
        plainToken: 'qgg8vlvZRS6UYooatFL8Aw',
        encryptedToken: hmac(secret, 'qgg8vlvZRS6UYooatFL8Aw'),
      })
    },
  )

  test('an unsigned one is not: it would sign anything for anyone', async () => {
    const { site, ask } = await serve({ type: 'Zoom', secrets: ['secret'] })
    expect(await ask('', signed(site, 'guessed'))).toMatchObject(failed(401))
  })
})

describe('X', () => {
  const verification = { type: 'X', secrets: ['consumer secret', 'the former one'] }

  test('the challenge is signed with the first secret', async () => {
    const { ask } = await serve(verification)
    const answer = await ask('?crc_token=bmV3Ml90b2tlbg%3D%3D&nonce=1')
    expect(answer).toMatchObject({ status: 200, stored: 0 })
    expect(JSON.parse(answer.body)).toEqual({
      response_token: `sha256=${hmac('consumer secret', 'bmV3Ml90b2tlbg==', 'base64')}`,
    })
  })

  test('what could be an event is not signed, and what could be a token is no event', async () => {
    const { ask } = await serve(verification)
    const event = '{"for_user_id":"1"}'
    expect(await ask(`?crc_token=${encodeURIComponent(event)}`)).toMatchObject(failed(401))
    const { body } = await ask('?crc_token=token')
    const signature = (JSON.parse(body) as { response_token: string }).response_token
    const headers: Sent['headers'] = [['x-twitter-webhooks-signature', signature]]
    expect(await ask('', { method: 'POST', headers, body: Buffer.from('token') })).toMatchObject(failed(401))
  })

  test('a GET without a token is refused', async () => {
    const { ask } = await serve(verification)
    expect(await ask('')).toMatchObject(failed(401))
    expect(await ask('?crc_token=a&crc_token=a')).toMatchObject(failed(401))
  })
})

describe('Dropbox', () => {
  test('the challenge is echoed as text', async () => {
    const { ask } = await serve({ type: 'Dropbox', secrets: ['app secret'] })
    expectEcho(await ask('?challenge=%3Cb%3Eabc+1'), '<b>abc 1')
    expect(await ask('')).toMatchObject(failed(400))
    expect(await ask('?challenge=%E4')).toMatchObject(failed(400))
  })
})

describe('MicrosoftGraph', () => {
  test('the validation token is echoed, decoded, to a POST without a body', async () => {
    const { ask } = await serve({ type: 'MicrosoftGraph', secrets: ['state'] })
    expectEcho(
      await ask('?validationToken=Validation%3A+Testing%20client', { method: 'POST' }),
      'Validation: Testing client',
    )
    expect(await ask('?validationToken=a&validationToken=b', { method: 'POST' })).toMatchObject(failed(400))
  })

  test.each([
    '{"value":[]}',
    '{"value":[{}]}',
    '{"value":{"clientState":"state"}}',
    '[]',
    'null',
    '',
    '{"value":[{"clientState":["state"]}]}',
  ])('a notification without the state is refused: %s', async (text) => {
    const { ask } = await serve({ type: 'MicrosoftGraph', secrets: ['state'] })
    expect(await ask('', { method: 'POST', body: Buffer.from(text) })).toMatchObject(failed(401))
  })

  test('one notification without the state refuses the whole batch', async () => {
    const { ask } = await serve({ type: 'MicrosoftGraph', secrets: ['state'] })
    const body = Buffer.from('{"value":[{"clientState":"state"},{"clientState":"other"}]}')
    expect(await ask('', { method: 'POST', body })).toMatchObject(failed(401))
  })
})

describe('CloudEvents', () => {
  const settings = { allowedOrigins: ['events.example.com'], allowedRate: 600, accessTokenInQuery: false }
  const verification = { type: 'CloudEvents', cloudEvents: settings }
  const options = (headers: Sent['headers']): Partial<Sent> => ({ method: 'OPTIONS', headers })
  const asking: Sent['headers'] = [['webhook-request-origin', 'events.example.com']]
  const structured: Sent['headers'] = [['content-type', 'application/cloudevents+json; charset=utf-8']]
  const event = Buffer.from('{"specversion":"1.0","id":"1","source":"/s","type":"t"}')

  test('a listed origin gets the permission, and no more than it asks for', async () => {
    const { ask } = await serve(verification)
    const answer = await ask('', options([...asking, ['webhook-request-rate', '120']]))
    expect(answer).toMatchObject({ status: 200, stored: 0 })
    expect(answer.headers).toMatchObject({
      allow: 'POST',
      'webhook-allowed-origin': 'events.example.com',
      'webhook-allowed-rate': '120',
    })
    const greedy = await ask('', options([...asking, ['webhook-request-rate', '99999']]))
    expect(greedy.headers['webhook-allowed-rate']).toBe('600')
  })

  test.each([
    [[['webhook-request-origin', 'evil.example.com']]],
    [[['webhook-request-origin', '*']]],
    [[]],
    [[...asking, ...asking]],
  ] as [Sent['headers']][])('others get no header of a permission: %j', async (headers) => {
    const { ask } = await serve(verification)
    const answer = await ask('', options(headers))
    expect(answer).toMatchObject({ status: 200, stored: 0 })
    expect(answer.headers['webhook-allowed-origin']).toBeUndefined()
    expect(answer.headers['webhook-allowed-rate']).toBeUndefined()
  })

  test('the callback that a sender names is not visited', async () => {
    const { ask } = await serve({ ...verification, cloudEvents: { ...settings, allowedOrigins: ['*'] } })
    const answer = await ask('', options([...asking, ['webhook-request-callback', 'http://127.0.0.1:1/x']]))
    expect(answer.headers['webhook-allowed-origin']).toBe('events.example.com')
  })

  test('the handshake needs no credentials, an event does', async () => {
    const auth = { bearer: [sha256('token')] }
    const { ask } = await serve(verification, { auth })
    expect((await ask('', options(asking))).headers['webhook-allowed-origin']).toBe('events.example.com')
    const post = { method: 'POST', headers: structured, body: event }
    expect(await ask('', post)).toMatchObject({ status: 401, stored: 0 })
    expect(await ask('?access_token=token', post)).toMatchObject({ status: 401, stored: 0 })
    const authorized: Sent['headers'] = [...structured, ['authorization', 'Bearer token']]
    expect(await ask('', { ...post, headers: authorized })).toMatchObject({ status: 200, stored: 1 })
  })

  test('the token in the query counts only where it is switched on, and the run does not see it', async () => {
    const { site, ask } = await serve(
      { ...verification, cloudEvents: { ...settings, accessTokenInQuery: true } },
      { auth: { bearer: [sha256('token')] } },
    )
    const post = { method: 'POST', headers: structured, body: event }
    expect(await ask('?access_token=wrong', post)).toMatchObject({ status: 401, stored: 0 })
    expect(await ask('?a=1&access_token=token&b=2', post)).toMatchObject({ status: 200, stored: 1 })
    expect((await site.nextEvent()).query).toBe('a=1&b=2')
  })

  test('only events pass, by POST, from a listed origin', async () => {
    const { ask } = await serve(verification)
    const post = { method: 'POST', body: event }
    const binary: Sent['headers'] = ['specversion', 'id', 'source', 'type'].map((name) => [`ce-${name}`, 'x'])
    expect(await ask('', { ...post, headers: structured })).toMatchObject({ status: 200, stored: 1 })
    expect(await ask('', { ...post, headers: binary })).toMatchObject({ status: 200, stored: 1 })
    expect(await ask('', { ...post, headers: [['content-type', 'application/json']] })).toMatchObject(
      failed(415),
    )
    expect(await ask('', { ...post, headers: binary.slice(1) })).toMatchObject(failed(415))
    const elsewhere: Sent['headers'] = [...structured, ['origin', 'evil.example.com']]
    expect(await ask('', { ...post, headers: elsewhere })).toMatchObject(failed(403))
    const got = await ask('')
    expect(got).toMatchObject(failed(405))
    expect(got.headers.allow).toBe('POST')
  })
})
