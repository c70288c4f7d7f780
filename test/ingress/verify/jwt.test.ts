/** Bearer tokens: every algorithm, the attacks of RFC 8725, and key sets that change. */
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { SignJWT, UnsecuredJWT } from 'jose'
import type { Verification } from '../../../ingress/route.ts'
import { createGuardedGet } from '../../../ingress/verify/outbound/client.ts'
import { createOutbound } from '../../../ingress/verify/outbound/outbound.ts'
import { faultOf } from '../../../ingress/verify/registry.ts'
import { createCertificate, ecKeys, rsaKeys } from '../../support/certificates.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import type { ManualClock } from '../../support/manual-clock.ts'
import { startOrigin } from '../../support/origin.ts'
import type { Origin } from '../../support/origin.ts'
import { send } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf } from '../support.ts'

const ISSUER = 'https://issuer.example.com'
const SETTINGS = { issuer: ISSUER, audiences: ['orders', 'invoices'], clockSkewMs: 30_000 }
const NOW = createManualClock().now()
const SECONDS = NOW / 1000
const SECRET = 'a-shared-secret-of-at-least-64-bytes-so-that-HS512-is-served-as-well-0'

const rsa = rsaKeys()
const otherRsa = rsaKeys()
const ec = ecKeys()
const ec384 = ecKeys('secp384r1')
const ec521 = ecKeys('secp521r1')
const ed25519 = generateKeyPairSync('ed25519')
const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' })

const sites = createSites()
let clock: ManualClock
let origin: Origin
let site: Site

beforeEach(async () => {
  clock = createManualClock()
  origin = await startOrigin()
})
afterEach(async () => {
  await sites.end()
  await origin.close()
})

type Settings = Partial<NonNullable<Verification['jwt']>>
const verificationOf = (jwt: Settings, secrets?: string[]): Verification => ({
  type: 'JWT',
  ...(secrets ? { secrets } : {}),
  jwt: { ...SETTINGS, ...jwt },
})

const route = routeOf('guarded', { limits: { rate: { requests: 10_000 } } })

async function serve(jwt: Settings, secrets?: string[]) {
  const get = createGuardedGet({ clock, origins: new Map([[ISSUER, origin.url]]) })
  const verifiers = createOutbound({ get, now: () => clock.now() })
  site = await sites.start({
    routes: [{ ...route, verification: verificationOf(jwt, secrets) }],
    clock,
    verifiers,
  })
}

const CLAIMS = { iss: ISSUER, aud: 'orders', exp: SECONDS + 60 }
const issue = (
  key: KeyObject | string,
  alg: string,
  claims: object = {},
  header: object = {},
): Promise<string> =>
  new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg, ...header })
    .sign(typeof key === 'string' ? Buffer.from(key) : key)

async function call(token: string | Promise<string>, scheme = 'Bearer ') {
  const { status, body, headers } = await send(site.port, {
    path: `/webhooks/${route.token}`,
    headers: [['authorization', `${scheme}${await token}`]],
    body: Buffer.from('{}'),
  })
  return { status, body, challenge: headers['www-authenticate'] }
}

const PASSED = { status: 200, body: '{"success":true}', challenge: undefined }
const refused = (challenge: string) => ({ status: 401, body: '{"error":"Verification failed"}', challenge })
const REFUSED = refused('Bearer error="invalid_token"')
const NOT_NOW = { status: 503, body: '{"error":"Verification is not possible now"}', challenge: undefined }

describe('algorithms go with the kind of key', () => {
  test.each(['HS256', 'HS384', 'HS512'])('%s with a secret', async (alg) => {
    await serve({}, [SECRET])
    expect(await call(issue(SECRET, alg))).toEqual(PASSED)
  })

  test.each([
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, rsa] as const),
    ['ES256', ec] as const,
    ['ES384', ec384] as const,
    ['ES512', ec521] as const,
    ['EdDSA', ed25519] as const,
    ['Ed25519', ed25519] as const,
  ])('%s with its public key, and with no other', async (alg, { publicKey, privateKey }) => {
    await serve({ publicKeys: [pem(publicKey)] })
    expect(await call(issue(privateKey, alg))).toEqual(PASSED)
    expect(await call(issue(otherRsa.privateKey, 'RS256'))).toEqual(REFUSED)
  })

  test('any of several public keys', async () => {
    await serve({ publicKeys: [pem(ec.publicKey), pem(rsa.publicKey), pem(otherRsa.publicKey)] })
    for (const [key, alg] of [
      [ec, 'ES256'],
      [rsa, 'PS256'],
      [otherRsa, 'RS256'],
    ] as const)
      expect(await call(issue(key.privateKey, alg))).toEqual(PASSED)
    expect(await call(issue(ed25519.privateKey, 'EdDSA'))).toEqual(REFUSED)
  })

  test('only those that the webhook lists', async () => {
    await serve({ publicKeys: [pem(rsa.publicKey)], algorithms: ['PS256'] })
    expect(await call(issue(rsa.privateKey, 'PS256'))).toEqual(PASSED)
    expect(await call(issue(rsa.privateKey, 'RS256'))).toEqual(REFUSED)
  })

  test('a public key is never a shared secret', async () => {
    const text = pem(rsa.publicKey)
    await serve({ publicKeys: [text] })
    expect(await call(issue(text, 'HS256'))).toEqual(REFUSED)
    expect(await call(issue(text.trim(), 'HS256'))).toEqual(REFUSED)
  })

  test('a token without a signature never passes', async () => {
    await serve({}, [SECRET])
    const unsecured = new UnsecuredJWT(CLAIMS).encode()
    expect(await call(unsecured)).toEqual(refused('Bearer'))
    expect(await call(`${unsecured}x`)).toEqual(REFUSED)
  })

  test('a key that comes with the token is not used', async () => {
    await serve({ publicKeys: [pem(rsa.publicKey)] })
    const jwk = otherRsa.publicKey.export({ format: 'jwk' })
    expect(await call(issue(otherRsa.privateKey, 'RS256', {}, { jwk }))).toEqual(REFUSED)
    expect(await call(issue(otherRsa.privateKey, 'RS256', {}, { jku: `${ISSUER}/keys` }))).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })

  test('an extension that must be understood is refused', async () => {
    await serve({}, [SECRET])
    const [, ...rest] = (await issue(SECRET, 'HS256')).split('.')
    const header = Buffer.from(JSON.stringify({ alg: 'HS256', crit: ['exp'], exp: 1 })).toString('base64url')
    expect(await call([header, ...rest].join('.'))).toEqual(REFUSED)
  })
})

describe('claims', () => {
  beforeEach(() => serve({ claims: { email: 'push@example.com' } }, [SECRET]))
  const withClaims = (claims: object) =>
    call(issue(SECRET, 'HS256', { email: 'push@example.com', ...claims }))

  test.each([
    ['as they must be', {}],
    ['with the other audience', { aud: 'invoices' }],
    ['with several audiences', { aud: ['x', 'orders'] }],
    ['expired within the skew', { exp: SECONDS - 29 }],
    ['valid from a time within the skew', { nbf: SECONDS + 30 }],
    ['with more', { email_verified: true, sub: '1' }],
  ])('%s pass', async (_, claims) => expect(await withClaims(claims)).toEqual(PASSED))

  test.each([
    ['without exp', { exp: undefined }],
    ['expired', { exp: SECONDS - 30 }],
    ['with exp as a text', { exp: String(SECONDS + 60) }],
    ['valid later', { nbf: SECONDS + 31 }],
    ['of another issuer', { iss: `${ISSUER}/` }],
    ['without issuer', { iss: undefined }],
    ['with a list of issuers', { iss: [ISSUER] }],
    ['for another audience', { aud: 'other' }],
    ['for no audience', { aud: undefined }],
    ['with another value', { email: 'other@example.com' }],
    ['with a value of another kind', { email: ['push@example.com'] }],
    ['without the value', { email: undefined }],
  ])('%s are refused', async (_, claims) => expect(await withClaims(claims)).toEqual(REFUSED))

  test('no claim is taken from elsewhere than the token', async () => {
    await serve({ claims: { toString: 'x' } }, [SECRET])
    expect(await call(issue(SECRET, 'HS256'))).toEqual(REFUSED)
  })
})

describe('the Authorization header', () => {
  beforeEach(() => serve({}, [SECRET]))

  test('takes the scheme in any case, and one blank', async () => {
    expect(await call(issue(SECRET, 'HS256'), 'bearer ')).toEqual(PASSED)
    for (const scheme of ['Bearer  ', 'Bearer\t', 'Bearer', 'Basic ', ''])
      expect(await call(issue(SECRET, 'HS256'), scheme)).toEqual(refused('Bearer'))
  })

  test('is asked for', async () => {
    const { status, headers } = await send(site.port, {
      path: `/webhooks/${route.token}`,
      headers: [],
      body: Buffer.from('{}'),
    })
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer'])
  })

  test.each(['a.b', 'a.b.c.d', 'a.b.c.d.e', '..', 'e30.e30.e30', '!!!.e30.e30', 'bnVsbA.bnVsbA.bnVsbA'])(
    '%s is no token',
    async (token) => expect((await call(token)).status).toBe(401),
  )
})

describe('a key set', () => {
  const jwk = (key: KeyObject, kid?: string) => ({
    ...key.export({ format: 'jwk' }),
    ...(kid ? { kid } : {}),
  })
  const publish = (...keys: object[]) => origin.serve('/keys', JSON.stringify({ keys }))
  const asked = () => origin.requests.length
  beforeEach(() => serve({ jwksURL: `${ISSUER}/keys` }))

  test('is fetched once for many calls, and again after ten minutes', async () => {
    publish(jwk(rsa.publicKey, 'a'))
    const token = issue(rsa.privateKey, 'RS256', { exp: SECONDS + 3600 }, { kid: 'a' })
    expect(await Promise.all([call(token), call(token), call(token)])).toEqual([PASSED, PASSED, PASSED])
    await clock.advance(599_999)
    expect(await call(token)).toEqual(PASSED)
    expect(asked()).toBe(1)
    await clock.advance(1)
    publish(jwk(otherRsa.publicKey, 'b'))
    expect(await call(token)).toEqual(REFUSED)
    expect(asked()).toBe(2)
  })

  test('is fetched again for a key that it lacks, but not more often than every thirty seconds', async () => {
    publish(jwk(rsa.publicKey, 'a'))
    expect(await call(issue(rsa.privateKey, 'RS256', {}, { kid: 'a' }))).toEqual(PASSED)
    const token = issue(otherRsa.privateKey, 'RS256', { exp: SECONDS + 3600 }, { kid: 'b' })
    publish(jwk(rsa.publicKey, 'a'), jwk(otherRsa.publicKey, 'b'))
    for (let i = 0; i < 5; i++) expect(await call(token)).toEqual(REFUSED)
    expect(asked()).toBe(1)
    await clock.advance(30_001)
    expect(await call(token)).toEqual(PASSED)
    expect(asked()).toBe(2)
  })

  test('with several keys that fit a token without a name is tried through', async () => {
    publish(jwk(rsa.publicKey), jwk(otherRsa.publicKey), jwk(ec.publicKey))
    expect(await call(issue(otherRsa.privateKey, 'RS256'))).toEqual(PASSED)
    expect(await call(issue(rsa.privateKey, 'RS256'))).toEqual(PASSED)
    expect(await call(issue(rsa.privateKey, 'RS256', { aud: 'other' }))).toEqual(REFUSED)
    expect(await call(issue(rsaKeys().privateKey, 'RS256'))).toEqual(REFUSED)
  })

  test('gives no shared secrets', async () => {
    const k = Buffer.from(SECRET).toString('base64url')
    publish({ kty: 'oct', k, kid: 'a', alg: 'HS256' }, jwk(rsa.publicKey, 'b'))
    expect(await call(issue(SECRET, 'HS256', {}, { kid: 'a' }))).toEqual(REFUSED)
  })

  test('gives no keys for encryption, and none of another algorithm', async () => {
    publish({ ...jwk(rsa.publicKey, 'a'), use: 'enc' }, { ...jwk(otherRsa.publicKey, 'b'), alg: 'PS256' })
    expect(await call(issue(rsa.privateKey, 'RS256', {}, { kid: 'a' }))).toEqual(REFUSED)
    expect(await call(issue(otherRsa.privateKey, 'RS256', {}, { kid: 'b' }))).toEqual(REFUSED)
    expect(await call(issue(otherRsa.privateKey, 'PS256', {}, { kid: 'b' }))).toEqual(PASSED)
  })

  test.each(['', 'null', '[]', '{}', '{"keys":{}}', `{"keys":[${Array(101).fill('{}').join()}]}`])(
    'that is %.12s… makes the sender come again: it is not his fault',
    async (text) => {
      origin.serve('/keys', text)
      expect(await call(issue(rsa.privateKey, 'RS256'))).toEqual(NOT_NOW)
    },
  )

  test.each([
    '{"keys":[]}',
    '{"keys":[null,1,"x",[]]}',
    '{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}',
  ])('that is %s lets nobody in', async (text) => {
    origin.serve('/keys', text)
    expect(await call(issue(rsa.privateKey, 'RS256', {}, { kid: 'a' }))).toEqual(REFUSED)
  })

  test('that can not be fetched makes the sender come again', async () => {
    expect(await call(issue(rsa.privateKey, 'RS256'))).toEqual(NOT_NOW)
  })
})

describe('keys that can not be used', () => {
  const ecOther = ecKeys('secp256k1')
  const certificate = createCertificate({ subject: 'x', keys: rsa, validFrom: NOW, validTo: NOW + 1_000 })
  const privatePem = rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })
  const AT = ['jwt', 'publicKeys', 0]

  test.each<[string, Settings, string[] | undefined, (string | number)[], RegExp]>([
    ['a short secret', {}, ['x'.repeat(31)], ['secrets', 0], /less than 32 bytes/],
    ['no key at all', {}, undefined, ['secrets'], /is missing/],
    ['a private key', { publicKeys: [privatePem] }, undefined, AT, /is a private key/],
    ['no PEM', { publicKeys: ['MIIBIjAN'] }, undefined, AT, /is not one public key in PEM/],
    [
      'two keys in one',
      { publicKeys: [pem(rsa.publicKey) + pem(ec.publicKey)] },
      undefined,
      AT,
      /not one public key/,
    ],
    ['broken PEM', { publicKeys: [pem(ec.publicKey).replace('MF', 'AA')] }, undefined, AT, /can be read/],
    ['a short RSA key', { publicKeys: [pem(rsaKeys(1024).publicKey)] }, undefined, AT, /less than 2048 bits/],
    ['another curve', { publicKeys: [pem(ecOther.publicKey)] }, undefined, AT, /no token is signed with/],
    [
      'no algorithm left',
      { publicKeys: [pem(ec.publicKey)], algorithms: ['RS256'] },
      undefined,
      AT,
      /jwt.algorithms/,
    ],
    [
      'the second of two',
      { publicKeys: [pem(ec.publicKey), 'x'] },
      undefined,
      ['jwt', 'publicKeys', 1],
      /PEM/,
    ],
    [
      'a URL with a user',
      { jwksURL: 'https://u:p@a.example/' },
      undefined,
      ['jwt', 'jwksURL'],
      /can be fetched/,
    ],
    ['a URL without TLS', { jwksURL: 'http://a.example/' }, undefined, ['jwt', 'jwksURL'], /https/],
  ])('%s is told', (_, jwt, secrets, path, message) => {
    const fault = faultOf(verificationOf(jwt, secrets))
    expect(fault?.path).toEqual(path)
    expect(fault?.message).toMatch(message)
  })

  test('a certificate gives its public key', async () => {
    await serve({ publicKeys: [certificate.pem] })
    expect(await call(issue(rsa.privateKey, 'RS256'))).toEqual(PASSED)
  })

  test('a key set may be on a port of its own', () =>
    expect(faultOf(verificationOf({ jwksURL: 'https://idp.example:8443/keys' }))).toBeUndefined())
})
