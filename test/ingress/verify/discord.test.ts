/** What Discord asks before it delivers: interactions and webhook events have pings of their own. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { verifyKey } from 'discord-interactions'
import { faultOf } from '../../../ingress/verify/registry.ts'
import { send } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf } from '../support.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const KEY = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
const route = routeOf('bot', { verification: { type: 'Discord', secrets: [KEY] } })

const sites = createSites()
let site: Site
beforeEach(async () => {
  site = await sites.start({ routes: [route] })
})
afterEach(() => sites.end())

async function call(message: object, key = privateKey) {
  const body = Buffer.from(JSON.stringify(message))
  const time = String(site.clock.now() / 1000)
  const signature = sign(null, Buffer.concat([Buffer.from(time), body]), key).toString('hex')
  const {
    status,
    body: text,
    headers,
  } = await send(site.port, {
    path: `/webhooks/${route.token}`,
    headers: [
      ['x-signature-ed25519', signature],
      ['x-signature-timestamp', time],
    ],
    body,
  })
  return { status, text, type: headers['content-type'] }
}

const PING = { id: '1', application_id: '2', type: 1, token: 'x', version: 1 }
const JSON_TYPE = 'application/json'

test('the ping of an interaction endpoint gets a pong, and starts nothing', async () => {
  expect(await call(PING)).toEqual({ status: 200, text: '{"type":1}', type: JSON_TYPE })
  expect(await call({ ...PING, type: 2 })).toMatchObject({ status: 200, text: '{"success":true}' })
  expect(JSON.parse((await site.nextEvent()).body.toString())).toMatchObject({ type: 2 })
})

test('the ping of a webhook event endpoint gets 204, and its events start runs', async () => {
  expect(await call({ version: 1, application_id: '2', type: 0 })).toMatchObject({ status: 204, text: '' })
  const event = { version: 1, application_id: '2', type: 1, event: { type: 'APPLICATION_AUTHORIZED' } }
  expect(await call(event)).toMatchObject({ text: '{"success":true}' })
  expect(JSON.parse((await site.nextEvent()).body.toString())).toEqual(event)
})

test('a ping with a wrong signature gets 401, which Discord tests', async () => {
  const other = generateKeyPairSync('ed25519').privateKey
  expect((await call(PING, other)).status).toBe(401)
  expect((await call({ version: 1, type: 0 }, other)).status).toBe(401)
})

test.each([
  '',
  'abc',
  KEY.slice(1),
  `${KEY}00`,
  `0x${KEY.slice(2)}`,
  Buffer.from(KEY, 'hex').toString('base64'),
])('a key that is %j is told', (key) => {
  const fault = faultOf({ type: 'Discord', secrets: [key] })
  expect(fault?.path).toEqual(['secrets', 0])
  expect(fault?.message).not.toContain(KEY)
})

test('what these tests sign is what Discord signs, by its own library', async () => {
  const [body, time] = [Buffer.from('{"type":1}'), '1767225600']
  const signed = Buffer.concat([Buffer.from(time), body])
  const signature = sign(null, signed, privateKey).toString('hex')
  expect(await verifyKey(body, signature, time, KEY)).toBe(true)
  expect(await verifyKey(body, signature, `${time}0`, KEY)).toBe(false)
})
