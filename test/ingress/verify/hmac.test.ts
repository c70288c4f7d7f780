import { createHmac } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { HmacSettings, Verification } from '../../../ingress/route.ts'
import { faultOf, prepareVerification } from '../../../ingress/verify/registry.ts'
import { createMac } from '../../../ingress/verify/mac.ts'
import { parseTime } from '../../../ingress/verify/time.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'

const BASE: HmacSettings = {
  header: 'X-Signature',
  algorithm: 'SHA256',
  encoding: 'Hex',
  prefix: '',
  template: '{body}',
  timestampFormat: 'UnixSeconds',
  keyEncoding: 'Text',
}
const NOW = Date.UTC(2026, 0, 1, 12)

function verify(change: Partial<HmacSettings>, headers: Record<string, string>, body = 'body') {
  const verification: Verification = { type: 'HMAC', secrets: ['key'], hmac: { ...BASE, ...change } }
  const request: VerificationRequest = {
    method: 'POST',
    rest: '',
    query: '',
    header: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    body: Buffer.from(body),
    now: NOW,
    url: () => 'https://hooks.example.com/x',
  }
  return prepareVerification(verification, NOTHING_FETCHED)?.verify(request)
}

const signed = (text: string): string => createHmac('sha256', 'key').update(text).digest('hex')
const pass = { kind: 'pass' }

describe('several signatures', () => {
  const list = { prefix: 'v1=', separator: ',' } as const
  test.each([
    `v1=${signed('body')}`,
    `v1=${'0'.repeat(64)},v1=${signed('body')}`,
    `v1=${signed('body')} , v1=${'0'.repeat(64)}`,
    `v2=whatever, v1=short,,v1=${signed('body')}`,
  ])('any one passes: %s', (line) => expect(verify(list, { 'x-signature': line })).toEqual(pass))

  test.each([`v0=${signed('body')}`, signed('body'), ',,,', `v1=${signed('body')}0`])(
    'none that is well-formed is refused: %s',
    (line) =>
      expect(verify(list, { 'x-signature': line })).toEqual({ kind: 'reject', reason: 'HeaderMalformed' }),
  )
})

describe('encodings', () => {
  const digest = createHmac('sha256', 'key').update('body').digest()
  test.each([
    ['Hex', digest.toString('hex').toUpperCase()],
    ['Base64URL', digest.toString('base64url')],
    ['Base64URL', `${digest.toString('base64url')}=`],
    ['Base64', digest.toString('base64')],
  ] as const)('%s %s passes', (encoding, text) =>
    expect(verify({ encoding }, { 'x-signature': text })).toEqual(pass),
  )

  test.each([
    ['Base64', digest.toString('base64').replace('=', '')],
    ['Base64', digest.toString('base64url')],
    ['Base64', `${digest.toString('base64')}=`],
    ['Hex', digest.toString('base64')],
  ] as const)('%s %s is refused', (encoding, text) =>
    expect(verify({ encoding }, { 'x-signature': text })).toMatchObject({ kind: 'reject' }),
  )

  test('of base64 only the one spelling of a digest passes', () => {
    // The last letter before the padding holds two bits that no decoder looks at.
    const text = digest.toString('base64')
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const other = letters[letters.indexOf(text[42] ?? '') ^ 1] ?? ''
    const spelled = `${text.slice(0, 42)}${other}=`
    expect(Buffer.from(spelled, 'base64')).toEqual(digest)
    expect(verify({ encoding: 'Base64' }, { 'x-signature': spelled })).toMatchObject({ kind: 'reject' })
  })
})

describe('times', () => {
  test.each([
    ['UnixMilliseconds', String(NOW)],
    ['UnixSeconds', String(NOW / 1000)],
    ['RFC3339', '2026-01-01T12:00:00Z'],
    ['RFC3339', '2026-01-01T13:00:00.123456+01:00'],
  ] as const)('%s %s passes', (timestampFormat, time) => {
    const change = { timestampFormat, timestampHeader: 'X-Time', template: '{timestamp}.{body}' }
    const headers = { 'x-time': time, 'x-signature': signed(`${time}.body`) }
    expect(verify(change, headers)).toEqual(pass)
  })

  test.each([
    ['UnixSeconds', String(NOW)],
    ['UnixSeconds', `0${NOW / 1000}`],
    ['UnixMilliseconds', `0${NOW}`],
    ['UnixMilliseconds', String(NOW / 1000)],
    ['RFC3339', '2026-01-01'],
    ['RFC3339', 'Thu, 01 Jan 2026 12:00:00 GMT'],
    ['RFC3339', '2026-01-01 12:00:00Z'],
    ['RFC3339', '2026-01-01T12:00:00'],
    ['RFC3339', '2026-13-01T12:00:00Z'],
  ] as const)('%s %s is refused', (timestampFormat, time) => {
    const change = { timestampFormat, timestampHeader: 'X-Time', template: '{timestamp}.{body}' }
    const headers = { 'x-time': time, 'x-signature': signed(`${time}.body`) }
    expect(verify(change, headers)).toMatchObject({ kind: 'reject' })
  })

  test('no text becomes NaN', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('UnixSeconds', 'UnixMilliseconds', 'RFC3339'),
        (text, format) => {
          expect(parseTime(text, format)).not.toBeNaN()
        },
      ),
    )
  })
})

test('an id that holds what ends it in the template is refused: it could be read in two ways', () => {
  const change = { template: '{id}.{body}', idHeader: 'X-Id' }
  expect(verify(change, { 'x-id': 'a', 'x-signature': signed('a.b.body') }, 'b.body')).toEqual(pass)
  expect(verify(change, { 'x-id': 'a.b', 'x-signature': signed('a.b.body') }, 'body')).toEqual({
    kind: 'reject',
    reason: 'HeaderMalformed',
  })
})

test('the same holds for what stands before an id, unless nothing that varies is in front of it', () => {
  const change = { template: '{body}.{id}', idHeader: 'X-Id' }
  expect(verify(change, { 'x-id': 'b', 'x-signature': signed('body.a.b') }, 'body.a')).toEqual(pass)
  expect(verify(change, { 'x-id': 'a.b', 'x-signature': signed('body.a.b') }, 'body')).toEqual({
    kind: 'reject',
    reason: 'HeaderMalformed',
  })
  const fixed = { template: 'v1:{id}.{body}', idHeader: 'X-Id' }
  expect(verify(fixed, { 'x-id': 'a:b', 'x-signature': signed('v1:a:b.body') })).toEqual(pass)
})

test('text around the variables is signed as UTF-8, braces of other names as they are', () => {
  const change = { template: 'ä{other}{body}{' }
  expect(verify(change, { 'x-signature': signed('ä{other}body{') })).toEqual(pass)
})

test.each(['Hex', 'Base64', 'Base64URL'] as const)(
  'a signature of any length has the form of %s',
  (encoding) => {
    for (const algorithm of ['SHA1', 'SHA256', 'SHA384', 'SHA512'] as const) {
      const hash = algorithm.toLowerCase()
      const output = encoding.toLowerCase() as 'hex' | 'base64' | 'base64url'
      const text = createHmac(hash, 'key').update('body').digest(output)
      const { form } = createMac(algorithm, encoding)
      expect(form.test(text)).toBe(true)
      expect(form.test(`${text}A`) || form.test(text.slice(0, -2)) || form.test(`${text}\n`)).toBe(false)
    }
  },
)

describe('keys that are none', () => {
  test.each([
    [{ type: 'GitHub' }, ['secrets']],
    [{ type: 'GitHub', secrets: [] }, ['secrets']],
    [{ type: 'GitHub', secrets: ['a', ''] }, ['secrets', 1]],
    [{ type: 'HMAC', secrets: ['xyz'], hmac: { ...BASE, keyEncoding: 'Hex' } }, ['secrets', 0]],
    [{ type: 'HMAC', secrets: ['abc'], hmac: { ...BASE, keyEncoding: 'Hex' } }, ['secrets', 0]],
    [{ type: 'HMAC', secrets: ['a b='], hmac: { ...BASE, keyEncoding: 'Base64' } }, ['secrets', 0]],
    [{ type: 'StandardWebhooks', secrets: ['whsec_'] }, ['secrets', 0]],
    [{ type: 'StandardWebhooks', secrets: ['whsec_A'] }, ['secrets', 0]],
    [{ type: 'StandardWebhooks', secrets: ['whsk_AAAA'] }, ['secrets', 0]],
    [{ type: 'StandardWebhooks', secrets: ['whpk_AAAA'] }, ['secrets', 0]],
    [{ type: 'GitLab', secrets: ['glpat'], gitlab: { mode: 'Signature' } }, ['secrets', 0]],
    [{ type: 'Facebook' }, ['code']],
    [{ type: 'Facebook', code: '' }, ['code']],
    [{ type: 'Facebook', code: 'c', secrets: [''] }, ['secrets', 0]],
    [{ type: 'Fitbit', code: 'c', secrets: [''] }, ['secrets', 0]],
    [{ type: 'Twilio', secrets: [] }, ['secrets']],
    [{ type: 'MicrosoftGraph', secrets: [''] }, ['secrets', 0]],
    [{ type: 'GitLab', secrets: [''] }, ['secrets', 0]],
  ] as [Verification, (string | number)[]][])('%j', (verification, path) => {
    const fault = faultOf(verification)
    expect(fault?.path).toEqual(path)
    for (const secret of verification.secrets ?? [])
      if (secret.length > 6) expect(fault?.message).not.toContain(secret)
  })

  test('a type of a newer operator is not served unchecked', () => {
    expect(() => faultOf({ type: 'Unheard', secrets: ['x'] })).toThrow(TypeError)
    expect(() => faultOf({ type: 'constructor' })).toThrow(TypeError)
  })
})
