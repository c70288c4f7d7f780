/** What is fetched for the webhooks of one namespace must not be at the cost of others. */
import { afterEach, expect, test } from '@jest/globals'
import { OutboundError } from '../../../../ingress/verify/outbound/client.ts'
import { createOutbound } from '../../../../ingress/verify/outbound/outbound.ts'
import type { Asker } from '../../../../ingress/verify/outbound/slots.ts'
import type { RemoteDocument } from '../../../../ingress/verify/verifier.ts'
import { createSites } from '../../site.ts'
import { routeOf } from '../../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const text: RemoteDocument<string> = {
  name: 'text',
  origin: 'provider',
  parse: (bytes, { now }) => ({ value: bytes.toString(), expiresAt: now + 60_000 }),
}
const url = new URL('https://keys.example.com/')

test('that one tenant has no room is not what another is told', async () => {
  const { read } = createOutbound({
    now: () => 0,
    get: (_, { tenant }) =>
      tenant === 'shop'
        ? Promise.reject(new OutboundError('too many requests', { definite: false, crowded: true }))
        : Promise.resolve(Buffer.from('found')),
  })
  expect(await read(text, url, { tenant: 'shop' })).toMatchObject({ kind: 'unavailable' })
  expect(await read(text, url, { tenant: 'bank' })).toEqual({ kind: 'found', value: 'found' })
  expect(await read(text, url, { tenant: 'shop' })).toEqual({ kind: 'found', value: 'found' })
})

test('each request is told for whom it is, and who named its address', async () => {
  const askers: [string, Asker][] = []
  const verifiers = createOutbound({
    now: () => Date.UTC(2026, 0, 1),
    get(asked, asker) {
      askers.push([asked.href, asker])
      return Promise.reject(new OutboundError('nothing', { definite: true }))
    },
  })
  const jwt = {
    issuer: 'https://a',
    audiences: ['b'],
    clockSkewMs: 0,
    jwksURL: 'https://issuer.example.com/keys',
  }
  const skill = routeOf('skill', { verification: { type: 'Alexa' } })
  const token = { ...routeOf('token', { verification: { type: 'JWT', jwt } }), namespace: 'bank' }
  const site = await sites.start({ routes: [skill, token], verifiers })
  const chain = 'https://s3.amazonaws.com/echo.api/x.pem'
  await site.call(skill, '', {
    method: 'POST',
    body: JSON.stringify({ request: { timestamp: '2026-01-01T00:00:00Z' } }),
    headers: { 'Signature-256': 'AAAA', SignatureCertChainUrl: chain },
  })
  await site.call(token, '', { method: 'POST', headers: { authorization: 'Bearer a.b.c' } })
  expect(askers).toEqual([
    [chain, { pool: 'provider', tenant: 'shop' }],
    [jwt.jwksURL, { pool: 'webhook', tenant: 'bank' }],
  ])
})
