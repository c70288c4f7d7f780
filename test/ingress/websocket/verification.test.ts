/** A WebSocket whose handshake must show a signed token. */
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterEach, expect, test } from '@jest/globals'
import { openSocket, refusedSocket } from '../../support/socket-client.ts'
import { createSites } from '../site.ts'
import { eventsUntil, socketRoute, urlOf } from './support.ts'

const sites = createSites()
afterEach(() => sites.end())

const SECRET = 'a-secret-of-more-than-thirty-two-bytes'
const verification = {
  type: 'JWT',
  secrets: [SECRET],
  jwt: { issuer: 'https://issuer.example.com', audiences: ['chat'], clockSkewMs: 0 },
}

function token(now: number, secret: string | KeyObject = SECRET): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: typeof secret === 'string' ? 'HS256' : 'EdDSA' })
    .setIssuer('https://issuer.example.com')
    .setAudience('chat')
    .setExpirationTime(Math.floor(now / 1000) + 60)
    .sign(typeof secret === 'string' ? new TextEncoder().encode(secret) : secret)
}

test('a valid token opens the connection', async () => {
  const route = socketRoute('chat', { verification })
  const site = await sites.start({ routes: [route] })
  const authorization = `Bearer ${await token(site.clock.now())}`
  const client = await openSocket(urlOf(site, route), { headers: { authorization } })
  const [connected] = await eventsUntil(site, 'connect')
  expect(connected?.headers['authorization']).toBeUndefined()
  client.ws.terminate()
})

test('without one, or with one of a stranger, the handshake is refused and no event is stored', async () => {
  let stored = 0
  const route = socketRoute('chat', { verification })
  const site = await sites.start({
    routes: [route],
    wrap: (state) => ({
      ...state,
      admit(admission) {
        if (admission.event !== undefined) stored++
        return state.admit(admission)
      },
    }),
  })
  const stranger = { authorization: `Bearer ${await token(site.clock.now(), `${SECRET}-of-a-stranger`)}` }
  for (const headers of [{}, stranger, { authorization: 'Bearer x.y.z' }])
    expect(await refusedSocket(urlOf(site, route), { headers })).toMatchObject({
      status: 401,
      body: '{"error":"Verification failed"}',
    })
  expect(stored).toBe(0)
})

test('a webhook that is removed while a token is verified opens no connection', async () => {
  const route = socketRoute('chat', { verification })
  const site = await sites.start({ routes: [route] })
  const { find } = site.table
  site.table.find = (token) => {
    // Before the verification, which needs a thread, is done.
    queueMicrotask(() => site.table.remove(route))
    return find(token)
  }
  const authorization = `Bearer ${await token(site.clock.now())}`
  expect(await refusedSocket(urlOf(site, route), { headers: { authorization } })).toMatchObject({
    status: 404,
  })
  expect(await site.runner.read({ count: 1, blockMs: 0 })).toEqual([])
})

test('one that is counted before its token is verified is counted once', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { jwt } = verification
  const publicKeys = [publicKey.export({ format: 'pem', type: 'spki' })]
  const route = socketRoute('chat', {
    verification: { type: 'JWT', jwt: { ...jwt, publicKeys } },
    limits: { rate: { requests: 1 } },
  })
  const site = await sites.start({ routes: [route] })
  const headers = async () => ({ authorization: `Bearer ${await token(site.clock.now(), privateKey)}` })
  // The second time, the window was full a moment ago.
  for (let nth = 0; nth < 2; nth++) {
    const client = await openSocket(urlOf(site, route), { headers: await headers() })
    expect(await refusedSocket(urlOf(site, route), { headers: await headers() })).toMatchObject({
      status: 429,
    })
    client.ws.terminate()
    await site.clock.advance(10_000)
  }
})
