/** The guarded GET against real servers, with and without TLS. */
import { Agent } from 'node:https'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { createGuardedGet, OutboundError } from '../../../../ingress/verify/outbound/client.ts'
import type { GuardedClientDeps } from '../../../../ingress/verify/outbound/client.ts'
import type { Asker } from '../../../../ingress/verify/outbound/slots.ts'
import { createCertificate, ecKeys } from '../../../support/certificates.ts'
import { createManualClock } from '../../../support/manual-clock.ts'
import { startOrigin } from '../../../support/origin.ts'
import type { Origin } from '../../../support/origin.ts'

const DAY = 86_400_000
const VALID = { validFrom: Date.now() - DAY, validTo: Date.now() + DAY }
const PROVIDER = 'https://keys.example.com'
const LIMIT = 64 * 1024

const root = createCertificate({ subject: 'Root', keys: ecKeys(), ca: true, ...VALID })
const closing: (() => Promise<void>)[] = []
let origin: Origin

beforeAll(async () => {
  origin = await startOrigin()
})
afterAll(() => origin.close())
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  origin.requests.length = 0
})

const clock = createManualClock()
const open = (deps: Partial<GuardedClientDeps> = {}) => {
  const get = createGuardedGet({ clock, origins: new Map([[PROVIDER, origin.url]]), ...deps })
  return (url: URL, asker: Asker = { pool: 'provider', tenant: 'shop' }) => get(url, asker)
}
const get = (path: string) => open()(new URL(path, PROVIDER))

const refused = (message: string | RegExp, definite: boolean) => async (promise: Promise<Buffer>) => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(OutboundError)
  expect((error as OutboundError).message).toMatch(message)
  expect((error as OutboundError).definite).toBe(definite)
}

test('gives the bytes, and sends nothing that tells about the caller', async () => {
  let headers: object = {}
  origin.serve('/keys?v=1', (request, response) => {
    headers = request.headers
    response.end(Buffer.from([0, 255, 10]))
  })
  expect(await get('/keys?v=1')).toEqual(Buffer.from([0, 255, 10]))
  expect(Object.keys(headers).toSorted()).toEqual([
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
  ])
})

describe('what may be asked for', () => {
  test.each([
    ['http', 'http://keys.example.com/'],
    ['ftp', 'ftp://keys.example.com/'],
    ['a user', 'https://user@keys.example.com/'],
    ['a password', 'https://:password@keys.example.com/'],
    ['a fragment', 'https://keys.example.com/#a'],
    ['an empty fragment', 'https://keys.example.com/#'],
  ])('%s is never asked for', async (_, url) => {
    await refused('may not be fetched', true)(open()(new URL(url)))
    expect(origin.requests).toEqual([])
  })

  test('another origin than the mapped one is not mapped', async () => {
    const elsewhere = await startOrigin()
    closing.push(() => elsewhere.close())
    const origins = new Map([[PROVIDER, elsewhere.url]])
    await refused('not public', true)(open({ origins })(new URL('https://127.0.0.1/')))
    expect(elsewhere.requests).toEqual([])
  })
})

describe('answers', () => {
  test.each([301, 302, 303, 307, 308])('a redirect with %d is not followed', async (status) => {
    origin.serve('/from', (_, response) => response.writeHead(status, { location: `${origin.url}/to` }).end())
    origin.serve('/to', 'found')
    await refused(`answered ${status}`, true)(get('/from'))
    expect(origin.requests).toEqual(['/from'])
  })

  test.each([204, 206, 400, 403, 404, 410])('%d is a no', async (status) => {
    origin.serve('/', (_, response) => response.writeHead(status).end())
    await refused(`answered ${status}`, true)(get('/'))
  })

  test.each([408, 425, 429, 500, 502, 503])('%d is no answer yet', async (status) => {
    origin.serve('/', (_, response) => response.writeHead(status).end())
    await refused(`answered ${status}`, false)(get('/'))
  })

  test('of the largest size is taken', async () => {
    origin.serve('/', 'x'.repeat(LIMIT))
    expect((await get('/')).length).toBe(LIMIT)
  })

  test('that announces more is not read', async () => {
    origin.serve('/', (_, response) => {
      response.writeHead(200, { 'content-length': LIMIT + 1 }).flushHeaders()
    })
    await refused('longer than 65536 bytes', true)(get('/'))
  })

  test('that gets longer is cut off', async () => {
    const cut = Promise.withResolvers<void>()
    origin.serve('/', (_, response) => {
      response.on('close', cut.resolve)
      const more = (): void => {
        if (response.destroyed) return
        response.write('x'.repeat(10_000))
        setImmediate(more)
      }
      more()
    })
    await refused('longer than 65536 bytes', true)(get('/'))
    await cut.promise
  })

  test('that breaks off is none', async () => {
    origin.serve('/', (_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => response.destroy())
    })
    await refused(/^no answer: /, false)(get('/'))
  })

  test('that never begins is waited for three seconds', async () => {
    origin.serve('/', () => {})
    const answer = refused('no answer within 3000 ms', false)(get('/'))
    await origin.received(1)
    await clock.advance(2_999)
    await clock.advance(1)
    await answer
  })

  test('that drips is given three seconds in all', async () => {
    const writing = Promise.withResolvers<void>()
    origin.serve('/', (_, response) => response.write('a', () => writing.resolve()))
    const answer = refused('no answer within 3000 ms', false)(get('/'))
    await writing.promise
    await clock.advance(3_000)
    await answer
  })

  test('a server that is not there gives none', async () => {
    const gone = await startOrigin()
    await gone.close()
    await refused(
      'no answer: ECONNREFUSED',
      false,
    )(open({ origins: new Map([[PROVIDER, gone.url]]) })(new URL(PROVIDER)))
  })
})

describe('addresses that are not public', () => {
  const special = (
    '127.0.0.1 127.1 2130706433 0x7f000001 0.0.0.0 10.0.0.1 100.64.0.1 169.254.169.254 172.31.255.255 192.168.0.1 198.18.0.1 224.0.0.1 ' +
    '255.255.255.255 [::] [::1] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [fd00::1] [fe80::1] [ff02::1]'
  ).split(' ')
  test.each(special)('%s is not connected to', (host) =>
    refused('not public', true)(open()(new URL(`https://${host}/`))),
  )

  test('a mapped origin may have one: the process is told so', async () => {
    const own = createCertificate({
      subject: 'Issuer',
      issuer: root,
      keys: ecKeys(),
      dnsNames: ['localhost'],
      ...VALID,
    })
    const inside = await startOrigin(own)
    closing.push(() => inside.close())
    inside.serve('/keys', 'keys')
    const issuer = `https://localhost:${new URL(inside.url).port}`
    const agent = new Agent({ ca: root.pem })
    const origins = new Map([[issuer, issuer]])
    expect((await open({ agent, origins })(new URL('/keys', issuer))).toString()).toBe('keys')
  })
})

test('over so many of one origin at a time, one more is refused at once; others and later ones are not', async () => {
  const release = Promise.withResolvers<void>()
  origin.serve('/', (_, response) => void release.promise.then(() => response.end('ok')))
  const limited = open({ slots: { maxPerOrigin: 2 } })
  const running = [limited(new URL(PROVIDER)), limited(new URL(PROVIDER))]
  await refused('too many requests', false)(limited(new URL(PROVIDER)))
  await refused('not public', true)(limited(new URL('https://127.0.0.1/')))
  release.resolve()
  await Promise.all(running)
  expect((await limited(new URL(PROVIDER))).toString()).toBe('ok')
})

test('over so many in all, one more is refused', async () => {
  const release = Promise.withResolvers<void>()
  origin.serve('/', (_, response) => void release.promise.then(() => response.end('ok')))
  const other = 'https://other.example.com'
  const limited = open({
    slots: { maxConcurrent: 1 },
    origins: new Map([PROVIDER, other].map((from) => [from, origin.url])),
  })
  const running = limited(new URL(PROVIDER))
  await refused('too many requests', false)(limited(new URL(other)))
  // What webhooks name takes no place of what providers publish.
  const named = limited(new URL(other), { pool: 'webhook', tenant: 'shop' })
  await refused('too many requests', false)(limited(new URL(other), { pool: 'webhook', tenant: 'shop' }))
  release.resolve()
  await Promise.all([running, named])
  expect((await limited(new URL(other))).toString()).toBe('ok')
})

test.each([
  ['in all', { maxPerTenant: 1 }, 'https://other.example.com'],
  ['to one origin', { maxPerTenantOfOrigin: 1 }, PROVIDER],
])('a tenant has so many at a time %s, and other tenants have theirs', async (_, slots, second) => {
  const release = Promise.withResolvers<void>()
  origin.serve('/', (_request, response) => void release.promise.then(() => response.end('ok')))
  const limited = open({ slots, origins: new Map([PROVIDER, second].map((from) => [from, origin.url])) })
  const of = (tenant: string): Asker => ({ pool: 'webhook', tenant })
  const running = limited(new URL(PROVIDER), of('shop'))
  await refused('too many requests', false)(limited(new URL(second), of('shop')))
  const other = limited(new URL(second), of('bank'))
  release.resolve()
  expect((await Promise.all([running, other])).join()).toBe('ok,ok')
})

describe('TLS', () => {
  const server = (change: Partial<Parameters<typeof createCertificate>[0]>) =>
    createCertificate({
      subject: 'Server',
      issuer: root,
      keys: ecKeys(),
      ipAddresses: ['127.0.0.1'],
      ...VALID,
      ...change,
    })

  async function ask(certificate: ReturnType<typeof server>, trusted = root): Promise<Buffer> {
    const secure = await startOrigin(certificate)
    const agent = new Agent({ ca: trusted.pem })
    closing.push(async () => {
      agent.destroy()
      await secure.close()
    })
    secure.serve('/', 'secret of the server')
    return open({ agent, origins: new Map([[PROVIDER, secure.url]]) })(new URL(PROVIDER))
  }

  test('a server with a trusted certificate is read', async () => {
    expect((await ask(server({}))).toString()).toBe('secret of the server')
  })

  test('one of an unknown authority is not', async () => {
    const other = createCertificate({ subject: 'Root', keys: ecKeys(), ca: true, ...VALID })
    await refused(/^no answer: /, false)(ask(server({}), other))
  })

  test('one with another name is not', () =>
    refused('no answer: ERR_TLS_CERT_ALTNAME_INVALID', false)(ask(server({ ipAddresses: ['127.0.0.2'] }))))

  test('one whose time is over is not', () =>
    refused('no answer: CERT_HAS_EXPIRED', false)(ask(server({ validTo: Date.now() - 1_000 }))))
})
