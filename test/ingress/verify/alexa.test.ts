/**
 * Alexa over real HTTP on both sides: requests as Amazon signs them, and certificates as its storage serves
 * them.
 */
import { sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Verification } from '../../../ingress/route.ts'
import { createGuardedGet } from '../../../ingress/verify/outbound/client.ts'
import { createOutbound } from '../../../ingress/verify/outbound/outbound.ts'
import { createCertificate, ecKeys, rsaKeys } from '../../support/certificates.ts'
import type { Certificate, CertificateRequest } from '../../support/certificates.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import type { ManualClock } from '../../support/manual-clock.ts'
import { startOrigin } from '../../support/origin.ts'
import type { Origin } from '../../support/origin.ts'
import { send } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf } from '../support.ts'

const NAME = 'echo-api.amazon.com'
const PATH = '/echo.api/echo-api-cert-12.pem'
const URL_OF_CHAIN = `https://s3.amazonaws.com${PATH}`
const NOW = createManualClock().now()
const DAY = 86_400_000
const HOUR = 3_600_000

// Making RSA keys is slow; which key is whose matters, and nothing else of them.
const keys = { root: rsaKeys(), middle: rsaKeys(), leaf: rsaKeys(), other: rsaKeys() }

const issue = (request: Partial<CertificateRequest> & Pick<CertificateRequest, 'subject' | 'keys'>) =>
  createCertificate({ validFrom: NOW - 365 * DAY, validTo: NOW + 365 * DAY, ...request })
const root = issue({ subject: 'Root CA', keys: keys.root, ca: true })
const middle = issue({ subject: 'Middle CA', issuer: root, keys: keys.middle, ca: true })
const expired = { validTo: NOW - 1_000 }
const leafBy = (issuer: Certificate, change: Partial<CertificateRequest> = {}) =>
  issue({ subject: NAME, issuer, keys: keys.leaf, dnsNames: [NAME], ...change })
const leaf = leafBy(middle)
const chain = (...certificates: Certificate[]) => certificates.map(({ pem }) => pem).join('')

const sites = createSites()
let origin: Origin
let clock: ManualClock
let site: Site

beforeEach(async () => {
  origin = await startOrigin()
  origin.serve(PATH, chain(leaf, middle))
  clock = createManualClock()
})
afterEach(async () => {
  await sites.end()
  await origin.close()
})

const route = routeOf('skill', { verification: { type: 'Alexa' }, limits: { rate: { requests: 10_000 } } })

async function serve({
  roots = [root],
  alexa,
}: { roots?: Certificate[]; alexa?: Verification['alexa'] } = {}) {
  const origins = new Map([['https://s3.amazonaws.com', origin.url]])
  const verifiers = createOutbound({
    get: createGuardedGet({ clock, origins }),
    now: () => clock.now(),
    roots: () => roots.map(({ pem }) => pem),
  })
  const verification = { type: 'Alexa', toleranceMs: HOUR, ...(alexa ? { alexa } : {}) }
  site = await sites.start({ routes: [{ ...route, verification }], clock, verifiers })
}

interface Call {
  /** Milliseconds since 1970, or the text. */
  time?: number | string
  content?: object
  key?: KeyObject
  url?: string
  headers?: [string, string][]
  without?: string[]
  /** What is sent instead of the body that was signed. */
  sent?: Buffer
}

async function call({ time = clock.now(), content, key = keys.leaf.privateKey, ...more }: Call = {}) {
  const timestamp = typeof time === 'number' ? new Date(time).toISOString().replace('.000', '') : time
  const request = { type: 'IntentRequest', requestId: 'amzn1.echo-api.request.1', timestamp }
  const body = Buffer.from(JSON.stringify({ version: '1.0', request, ...content }))
  const signed: [string, string][] = [
    ['Signature', sign('sha1', body, key).toString('base64')],
    ['Signature-256', sign('sha256', body, key).toString('base64')],
    ['SignatureCertChainUrl', more.url ?? URL_OF_CHAIN],
  ]
  const given = new Set([...(more.without ?? []), ...(more.headers ?? []).map(([name]) => name)])
  const headers = [...signed.filter(([name]) => !given.has(name)), ...(more.headers ?? [])]
  const { status, body: text } = await send(site.port, {
    path: `/webhooks/${route.token}`,
    headers,
    body: more.sent ?? body,
  })
  return { status, text }
}

const PASSED = { status: 200, text: '{"success":true}' }
const REFUSED = { status: 400, text: '{"error":"Verification failed"}' }
const NOT_NOW = { status: 503, text: '{"error":"Verification is not possible now"}' }

describe('L17 L23 L24 R13', () => {
  beforeEach(() => serve())

  test('what Amazon signs passes', async () => {
    expect(await call()).toEqual(PASSED)
    const { body } = await site.nextEvent()
    expect(JSON.parse(body.toString())).toMatchObject({ request: { type: 'IntentRequest' } })
  })

  test.each(['Signature-256', 'SignatureCertChainUrl'])('without %s it is refused', async (name) => {
    expect(await call({ without: [name] })).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })

  test('the older Signature, made with SHA-1, may be missing and never counts', async () => {
    expect(await call({ without: ['Signature'] })).toEqual(PASSED)
    const body = Buffer.from('{"request":{"timestamp":"2026-01-01T00:00:00Z"}}')
    const sha1 = sign('sha1', body, keys.leaf.privateKey).toString('base64')
    expect(
      await call({
        sent: body,
        headers: [
          ['Signature', sha1],
          ['Signature-256', ''],
        ],
      }),
    ).toEqual(REFUSED)
    expect(await call({ sent: body, headers: [['Signature-256', sha1]] })).toEqual(REFUSED)
  })

  test('150 seconds old passes, older is refused, whatever the tolerance says', async () => {
    expect(await call({ time: NOW - 150_000 })).toEqual(PASSED)
    expect(await call({ time: NOW - 151_000 })).toEqual(REFUSED)
  })

  test('an event of a skill is given no more time', async () => {
    const request = {
      type: 'AlexaSkillEvent.SkillEnabled',
      timestamp: new Date(NOW - HOUR / 2).toISOString(),
    }
    expect(await call({ content: { request } })).toEqual(REFUSED)
  })

  test('a clock that is a little ahead passes, the future is refused', async () => {
    expect(await call({ time: NOW + 30_000 })).toEqual(PASSED)
    expect(await call({ time: NOW + 31_000 })).toEqual(REFUSED)
  })

  test.each([
    ['seconds', '1767225600'],
    ['no time', 'now'],
    ['another zone, but old', '2026-01-01T00:00:00+01:00'],
    ['nothing', ''],
  ])('a signed timestamp that is %s is refused', async (_, time) =>
    expect(await call({ time })).toEqual(REFUSED),
  )

  test('a body without a timestamp is refused, even with one in a header, which nobody signs', async () => {
    expect(await call({ content: { request: {} } })).toEqual(REFUSED)
    const headers: [string, string][] = [['Timestamp', '2026-01-01T00:00:00Z']]
    expect(await call({ content: { request: {} }, headers })).toEqual(REFUSED)
  })

  test('a Timestamp header that comes along must be a fresh one', async () => {
    const withHeader = (...texts: string[]) =>
      call({ headers: texts.map((text): [string, string] => ['Timestamp', text]) })
    expect(await withHeader('2026-01-01T00:00:00Z')).toEqual(PASSED)
    expect(await withHeader('2025-12-31T23:57:29Z')).toEqual(REFUSED)
    expect(await withHeader('yesterday')).toEqual(REFUSED)
    expect(await withHeader('2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')).toEqual(REFUSED)
  })

  test.each(['', 'null', '[]', '"text"', '{', '{"request":null}', '{"request":{"timestamp":5}}'])(
    'a signed body that is %j is refused',
    async (text) => {
      const body = Buffer.from(text)
      const signature = sign('sha256', body, keys.leaf.privateKey).toString('base64')
      expect(await call({ sent: body, headers: [['Signature-256', signature]] })).toEqual(REFUSED)
      expect(origin.requests).toEqual([])
    },
  )

  test('signed with another key it is refused', async () => {
    expect(await call({ key: keys.other.privateKey })).toEqual(REFUSED)
    expect(await call({ key: keys.middle.privateKey })).toEqual(REFUSED)
  })

  test('a changed body is refused', async () => {
    const sent = Buffer.from('{"request":{"timestamp":"2026-01-01T00:00:00Z"},"more":1}')
    expect(await call({ sent })).toEqual(REFUSED)
  })
})

describe('the skills that may call', () => {
  const from = (applicationId: unknown) => ({ context: { System: { application: { applicationId } } } })
  beforeEach(() => serve({ alexa: { applicationIDs: ['amzn1.ask.skill.a', 'amzn1.ask.skill.b'] } }))

  test('pass', async () => {
    expect(await call({ content: from('amzn1.ask.skill.a') })).toEqual(PASSED)
    expect(await call({ content: from('amzn1.ask.skill.b') })).toEqual(PASSED)
  })

  test.each([
    ['another', 'amzn1.ask.skill.c'],
    ['a list', ['amzn1.ask.skill.a']],
    ['none', undefined],
  ])('%s is refused, and nothing is fetched for it', async (_, id) => {
    expect(await call({ content: from(id) })).toEqual(REFUSED)
    expect(await call({ content: {} })).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })
})

describe('where the chain is', () => {
  beforeEach(() => serve())

  test.each([
    ['https://s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['HTTPS://s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['https://S3.AmazonAWS.com/echo.api/echo-api-cert-12.pem'],
    ['https://s3.amazonaws.com:443/echo.api/echo-api-cert-12.pem'],
    ['https://s3.amazonaws.com/echo.api/../echo.api/echo-api-cert-12.pem'],
    ['https://s3.amazonaws.com/echo.api/%2e%2e/echo.api/./echo-api-cert-12.pem'],
  ])('%s is Amazon’s', async (url) => {
    expect(await call({ url })).toEqual(PASSED)
    expect(origin.requests).toEqual([PATH])
  })

  test.each([
    ['http', 'http://s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['another host', 'https://notamazon.com/echo.api/echo-api-cert-12.pem'],
    ['a host that begins alike', 'https://s3.amazonaws.com.evil.example/echo.api/echo-api-cert-12.pem'],
    ['a host that ends alike', 'https://evils3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['a bucket as a host', 'https://echo.api.s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['a dot after the host', 'https://s3.amazonaws.com./echo.api/echo-api-cert-12.pem'],
    ['a host that a user hides', 'https://s3.amazonaws.com@evil.example/echo.api/echo-api-cert-12.pem'],
    ['a user', 'https://user@s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['another case of the path', 'https://s3.amazonaws.com/EcHo.aPi/echo-api-cert-12.pem'],
    ['another path', 'https://s3.amazonaws.com/invalid.path/echo-api-cert-12.pem'],
    ['a path that begins alike', 'https://s3.amazonaws.com/echo.api.evil/echo-api-cert-12.pem'],
    ['a path that leads elsewhere', 'https://s3.amazonaws.com/echo.api/../evil/echo-api-cert-12.pem'],
    [
      'an encoded path that leads elsewhere',
      'https://s3.amazonaws.com/echo.api/%2e%2E/evil/echo-api-cert-12.pem',
    ],
    ['an encoded slash', 'https://s3.amazonaws.com/echo.api/..%2fevil/echo-api-cert-12.pem'],
    ['a slash too many', 'https://s3.amazonaws.com//echo.api/echo-api-cert-12.pem'],
    ['another port', 'https://s3.amazonaws.com:563/echo.api/echo-api-cert-12.pem'],
    ['a query', 'https://s3.amazonaws.com/echo.api/echo-api-cert-12.pem?acl'],
    ['a fragment', 'https://s3.amazonaws.com/echo.api/echo-api-cert-12.pem#x'],
    ['backslashes', 'https:\\\\s3.amazonaws.com\\echo.api\\echo-api-cert-12.pem'],
    ['a backslash before the host', 'https://evil.example\\@s3.amazonaws.com/echo.api/echo-api-cert-12.pem'],
    ['a tab', 'https://s3.amazonaws.com/echo.api/\techo-api-cert-12.pem'],
    ['no URL', 'echo-api-cert-12.pem'],
    ['nothing', ''],
  ])('%s is refused, and nothing is fetched', async (_, url) => {
    expect(await call({ url })).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })
})

const OLD_ROOT = issue({ subject: 'Old root', keys: rsaKeys(), ca: true })

describe('a chain', () => {
  const crossed = issue({ subject: 'Middle CA', issuer: OLD_ROOT, keys: keys.middle, ca: true })
  const deep = (levels: number): Certificate[] => {
    const authorities = [root]
    for (let level = 1; level < levels; level++)
      authorities.push(
        issue({
          subject: `Level ${level}`,
          issuer: authorities[level - 1] ?? root,
          keys: keys.middle,
          ca: true,
        }),
      )
    const last = authorities.at(-1) ?? root
    return [leafBy(last), ...authorities.slice(1).toReversed()]
  }

  test.each([
    ['by a root itself', chain(leafBy(root))],
    ['over one more authority', chain(leaf, middle)],
    ['with its root', chain(leaf, middle, root)],
    ['with certificates in any order', chain(leaf, root, middle)],
    ['with one that leads elsewhere', chain(leaf, crossed, middle)],
    [
      'with one that is not needed and over',
      chain(leaf, issue({ subject: 'x', keys: keys.other, ...expired }), middle),
    ],
    ['of six', chain(...deep(5))],
    ['with text in between', `# a comment\r\n${leaf.pem.replaceAll('\n', '\r\n')}\n\n${middle.pem}`],
    ['for several names', chain(leafBy(middle, { dnsNames: ['a.example', NAME] }), middle)],
  ])('%s is good', async (_, pem) => {
    await serve()
    origin.serve(PATH, pem)
    expect(await call()).toEqual(PASSED)
  })

  const forged = issue({ subject: middle.subject, keys: keys.other, ca: true })
  test.each([
    ['whose first certificate is over', chain(leafBy(middle, expired), middle)],
    ['whose first certificate is for later', chain(leafBy(middle, { validFrom: NOW + 1_000 }), middle)],
    [
      'whose authority is over',
      chain(leaf, issue({ subject: 'Middle CA', issuer: root, keys: keys.middle, ca: true, ...expired })),
    ],
    [
      'whose authority is for later',
      chain(
        leaf,
        issue({ subject: 'Middle CA', issuer: root, keys: keys.middle, ca: true, validFrom: NOW + 1_000 }),
      ),
    ],
    ['for another name', chain(leafBy(middle, { dnsNames: ['echo-api.example.com'] }), middle)],
    ['for a name that begins alike', chain(leafBy(middle, { dnsNames: [`${NAME}.evil.example`] }), middle)],
    ['for a name that ends alike', chain(leafBy(middle, { dnsNames: [`evil-${NAME}`] }), middle)],
    ['for a wildcard', chain(leafBy(middle, { dnsNames: ['*.amazon.com'] }), middle)],
    [
      'for a text that holds the name',
      chain(leafBy(middle, { dnsNames: [`a.example, DNS:${NAME}`] }), middle),
    ],
    ['with the name as its subject only', chain(leafBy(middle, { dnsNames: [] }), middle)],
    ['for an address', chain(leafBy(middle, { dnsNames: [], ipAddresses: ['127.0.0.1'] }), middle)],
    ['by an authority of the same name with another key', chain(leafBy(forged), middle)],
    [
      'over a certificate of no authority',
      chain(leaf, issue({ subject: 'Middle CA', issuer: root, keys: keys.middle })),
    ],
    [
      'over one that says it is no authority',
      chain(leaf, issue({ subject: 'Middle CA', issuer: root, keys: keys.middle, ca: false })),
    ],
    [
      'by a leaf of the right authority',
      chain(leafBy(leafBy(middle, { subject: 'Leaf' })), leafBy(middle, { subject: 'Leaf' }), middle),
    ],
    ['signed by itself', chain(issue({ subject: NAME, keys: keys.leaf, dnsNames: [NAME] }))],
    [
      'signed by itself as an authority',
      chain(issue({ subject: NAME, keys: keys.leaf, dnsNames: [NAME], ca: true })),
    ],
    ['to a root that nobody trusts', chain(leafBy(OLD_ROOT), OLD_ROOT)],
    ['without the authority between', chain(leaf)],
    ['with its authority first', chain(middle, leaf)],
    ['too long', chain(...deep(6))],
    ['of too many certificates', chain(leaf, middle, ...Array.from({ length: 7 }, () => middle))],
    ['whose first certificate is an authority’s', chain(leafBy(middle, { ca: true }), middle)],
    ['with a key of another kind', chain(leafBy(middle, { keys: ecKeys() }), middle)],
    ['with a short key', chain(leafBy(middle, { keys: rsaKeys(1024) }), middle)],
    ['with broken bytes', leaf.pem.replace(/M/, 'N') + middle.pem],
    ['that is cut off', leaf.pem.slice(0, -40)],
    ['without any certificate', 'not found, but with 200'],
    ['of nothing', ''],
    ['that is a private key', keys.leaf.privateKey.export({ format: 'pem', type: 'pkcs8' })],
  ])('%s is refused', async (_, pem) => {
    await serve()
    origin.serve(PATH, pem)
    expect(await call()).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH])
    const [refusal] = site.logged.filter(({ fields }) => fields['reason'] === 'CertificateInvalid')
    expect(refusal?.fields['why']).toMatch(/^Alexa certificate chain of s3\.amazonaws\.com: /)
  })

  test('to a root that is over is refused', async () => {
    const overRoot = issue({ subject: 'Root CA', keys: keys.root, ca: true, ...expired })
    await serve({ roots: [overRoot] })
    expect(await call()).toEqual(REFUSED)
  })
})

describe('the storage', () => {
  beforeEach(() => serve())

  test.each<[string, RequestListener]>([
    [
      'sends elsewhere',
      (_, response) => response.writeHead(302, { location: `${origin.url}/other.pem` }).end(),
    ],
    ['does not have it', (_, response) => response.writeHead(404).end()],
    ['forbids it', (_, response) => response.writeHead(403).end()],
    ['sends too much', (_, response) => response.end(chain(leaf, middle) + ' '.repeat(65_536))],
  ])('that %s makes it refused', async (_, listener) => {
    origin.serve('/other.pem', chain(leaf, middle))
    origin.serve(PATH, listener)
    expect(await call()).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH])
  })

  test.each<[string, RequestListener]>([
    ['fails', (_, response) => response.writeHead(503).end()],
    ['hangs up', (request) => request.socket.destroy()],
  ])('that %s makes it come again, and is asked again a little later', async (_, listener) => {
    origin.serve(PATH, listener)
    expect(await call()).toEqual(NOT_NOW)
    expect(await call()).toEqual(NOT_NOW)
    expect(origin.requests).toEqual([PATH])
    await clock.advance(5_000)
    origin.serve(PATH, chain(leaf, middle))
    expect(await call()).toEqual(PASSED)
  })

  test('that does not answer is given three seconds', async () => {
    origin.serve(PATH, () => {})
    const answer = call()
    await origin.received(1)
    await clock.advance(3_000)
    expect(await answer).toEqual(NOT_NOW)
  })

  test('is asked once for calls at the same time, and for a day of calls after', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => call()))
    expect(answers).toEqual(Array.from({ length: 20 }, () => PASSED))
    await clock.advance(DAY - 1)
    expect(await call()).toEqual(PASSED)
    expect(origin.requests).toEqual([PATH])
    await clock.advance(1)
    expect(await call()).toEqual(PASSED)
    expect(origin.requests).toEqual([PATH, PATH])
  })

  test('is asked again when a certificate of the chain is over, and what it kept passes no more', async () => {
    const short = issue({
      subject: 'Middle CA',
      issuer: root,
      keys: keys.middle,
      ca: true,
      validTo: NOW + HOUR,
    })
    origin.serve(PATH, chain(leaf, short))
    expect(await call()).toEqual(PASSED)
    await clock.advance(HOUR - 1_000)
    expect(await call()).toEqual(PASSED)
    await clock.advance(2_000)
    expect(await call()).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH, PATH])
  })
})

test('nothing of where a chain is, or of why it is bad, is told to the caller', async () => {
  await serve()
  origin.serve(PATH, chain(leafBy(OLD_ROOT), OLD_ROOT))
  const bad = [await call(), await call({ time: 'x' }), await call({ url: 'https://evil.example/' })]
  expect(bad).toEqual([REFUSED, REFUSED, REFUSED])
  expect(JSON.stringify(site.logged)).not.toContain(route.token)
})
