import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from '@jest/globals'
import twilio from 'twilio'
import type { Verification } from '../../../ingress/route.ts'
import { send } from '../send.ts'
import type { Sent } from '../send.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const TOKEN = 'twilio-auth-token'
const form: [string, string] = ['content-type', 'application/x-www-form-urlencoded']

/** Serves one webhook; `call` sends it what Twilio would send for `url`, and tells the status. */
async function serve(publicUrl: string | undefined, settings?: Verification['twilio']) {
  const verification = { type: 'Twilio', secrets: [TOKEN], ...(settings ? { twilio: settings } : {}) }
  const route = routeOf('sms', { verification })
  const site = await sites.start({ routes: [route], ...(publicUrl === undefined ? {} : { publicUrl }) })
  return {
    path: `/webhooks/${route.token}`,
    async call(url: string, parameters: Record<string, string>, sent: Partial<Sent> = {}): Promise<number> {
      const signature = twilio.getExpectedTwilioSignature(TOKEN, url, parameters)
      const { status } = await send(site.port, {
        path: `/webhooks/${route.token}`,
        body: Buffer.from(new URLSearchParams(parameters).toString()),
        ...sent,
        headers: [...(sent.headers ?? [form]), ['x-twilio-signature', signature]],
      })
      return status
    },
  }
}

describe('the URL', () => {
  test.each([
    ['https://hooks.example.com', 'https://hooks.example.com'],
    ['https://hooks.example.com/', 'https://hooks.example.com'],
    ['https://hooks.example.com', 'https://hooks.example.com:443'],
    ['https://hooks.example.com:443', 'https://hooks.example.com'],
    ['https://hooks.example.com:8443', 'https://hooks.example.com'],
    ['http://hooks.example.com', 'http://hooks.example.com:80'],
    ['https://example.com/under/a/path', 'https://example.com/under/a/path'],
  ])('served as %s, signed as %s passes', async (publicUrl, signed) => {
    const { call, path } = await serve(publicUrl)
    expect(await call(signed + path, { Body: 'x' })).toBe(200)
  })

  test.each(['http://hooks.example.com', 'https://hooks.example.com:8443', 'https://evil.example.com'])(
    'signed as %s is refused',
    async (signed) => {
      const { call, path } = await serve('https://hooks.example.com')
      expect(await call(signed + path, { Body: 'x' })).toBe(401)
    },
  )

  test('the Host header and what a proxy forwards have no part in it', async () => {
    const { call, path } = await serve('https://hooks.example.com')
    const headers: Sent['headers'] = [
      form,
      ['x-forwarded-host', 'evil.example.com'],
      ['x-forwarded-proto', 'https'],
      ['forwarded', 'host=evil.example.com;proto=https'],
    ]
    expect(await call(`https://evil.example.com${path}`, { Body: 'x' }, { headers })).toBe(401)
    expect(await call(`https://hooks.example.com${path}`, { Body: 'x' }, { headers })).toBe(200)
  })

  test('path and query count as they were received', async () => {
    const { call, path } = await serve('https://hooks.example.com')
    const rest = `${path}/a%2Fb/%C3%A4?x=%2f&x=1&&y`
    expect(await call(`https://hooks.example.com${rest}`, { Body: 'x' }, { path: rest })).toBe(200)
    expect(await call(`https://hooks.example.com${rest}`, { Body: 'x' }, { path: `${path}?x=1` })).toBe(401)
    const written = rest.replace('%2f', '%2F')
    expect(await call(`https://hooks.example.com${written}`, { Body: 'x' }, { path: rest })).toBe(401)
  })

  test('publicURL stands for the URL up to the token', async () => {
    const { call, path } = await serve(undefined, { publicURL: 'https://example.com/sms' })
    expect(await call('https://example.com/sms', { Body: 'x' })).toBe(200)
    const longer = { path: `${path}/in?a=1` }
    expect(await call('https://example.com/sms/in?a=1', { Body: 'x' }, longer)).toBe(200)
    expect(await call('https://example.com/sms', { Body: 'x' }, longer)).toBe(401)
  })

  test('while it is unknown nothing can be verified: 503', async () => {
    const { call, path } = await serve(undefined)
    expect(await call(`https://hooks.example.com${path}`, { Body: 'x' })).toBe(503)
  })
})

describe('the body', () => {
  const base = 'https://hooks.example.com'
  const json: Sent['headers'] = [['content-type', 'application/json']]
  const body = Buffer.from('{"a":1}')
  const sha256 = (of: Buffer) => createHash('sha256').update(of).digest('hex')

  test('other than a form passes with its hash in the URL', async () => {
    const { call, path } = await serve(base)
    const hashed = { path: `${path}?bodySHA256=${sha256(body)}`, headers: json }
    expect(await call(base + hashed.path, {}, { ...hashed, body })).toBe(200)
    expect(await call(base + hashed.path, {}, { ...hashed, body: Buffer.from('{"a":2}') })).toBe(401)
    expect(await call(base + hashed.path, {}, { ...hashed, body: Buffer.alloc(0) })).toBe(401)
  })

  test('other than a form without a hash is covered by nothing, and refused', async () => {
    const { call, path } = await serve(base)
    expect(await call(base + path, {}, { headers: json, body })).toBe(401)
    expect(await call(base + path, {}, { headers: [], body })).toBe(401)
  })

  test.each(['?bodySHA256=', '?bodySHA256', '?bodySHA256=00&bodySHA256=00', '?bodySHA256=%E4'])(
    'a hash that is not one is refused: %s',
    async (query) => {
      const { call, path } = await serve(base)
      const sent = { path: path + query, headers: json, body }
      expect(await call(base + sent.path, {}, sent)).toBe(401)
    },
  )

  test('a GET is signed by its URL alone', async () => {
    const { call, path } = await serve(base)
    const sent = { method: 'GET', path: `${path}?CallSid=CA1`, headers: [], body: Buffer.alloc(0) }
    expect(await call(base + sent.path, {}, sent)).toBe(200)
  })

  test.each(['Body=%E4', 'Body=%zz', '%', 'Body=\xff'])(
    'a form that is not strictly encoded is refused: %s',
    async (text) => {
      const { call, path } = await serve(base)
      expect(await call(base + path, {}, { body: Buffer.from(text, 'latin1') })).toBe(401)
    },
  )

  test('names as of objects are names as any other', async () => {
    const { call, path } = await serve(base)
    const parameters = { constructor: '1', hasOwnProperty: '2', toString: '3' }
    expect(await call(base + path, parameters)).toBe(200)
  })

  test('a form of very many parameters is refused', async () => {
    const { call, path } = await serve(base)
    const parameters = Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`p${n}`, '']))
    expect(await call(base + path, parameters)).toBe(401)
  })
})

test('L17 L22 without an auth token nothing is checked', async () => {
  const route = routeOf('sms', { verification: { type: 'Twilio' } })
  const site = await sites.start({ routes: [route] })
  expect((await site.call(route, '', { method: 'POST', body: 'x' })).status).toBe(200)
})
