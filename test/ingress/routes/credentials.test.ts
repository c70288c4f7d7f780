import { describe, expect, test } from '@jest/globals'
import { prepareCredentials, credentialsPass } from '../../../ingress/routes/credentials.ts'
import type { Route } from '../../../ingress/route.ts'
import { sha256 } from '../support.ts'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const basic = (pair: string) => `Basic ${base64(pair)}`

function pass(auth: Route['auth'], authorization: string | undefined): boolean {
  const credentials = prepareCredentials(auth)
  if (credentials === undefined) throw new Error('no credentials')
  return credentialsPass(credentials, authorization)
}

describe('basic', () => {
  const cases: [pair: string, header: string | undefined, passes: boolean][] = [
    ['ada:secret', basic('ada:secret'), true],
    ['ada:secret', `bASIC ${base64('ada:secret')}`, true],
    ['ada:a:b', basic('ada:a:b'), true],
    ['ada:', basic('ada:'), true],
    [':secret', basic(':secret'), true],
    ['jürgen:naïve ☃', basic('jürgen:naïve ☃'), true],
    ['jürgen:x', `Basic ${base64(Buffer.from('jürgen:x', 'latin1'))}`, false],
    ['ada:', basic('ada:x'), false],
    ['ada:', basic('ada'), false],
    [':secret', basic('ada:secret'), false],
    ['ada:secret', basic('ada:secret '), false],
    ['ada:secret', undefined, false],
    ['ada:secret', '', false],
    ['ada:secret', 'Basic', false],
    ['ada:secret', 'Basic ', false],
    ['ada:secret', `Basic  ${base64('ada:secret')}`, false],
    ['ada:secret', `Basic ${base64('ada:secret')}, Basic ${base64('ada:secret')}`, false],
    ['ada:secret', `Bearer ${base64('ada:secret')}`, false],
    ['ada:secret', `Basic ${base64('ada:secret')}é`, false],
  ]
  test.each(cases)('%j with %j passes: %j', (pair, header, passes) => {
    expect(pass({ basic: sha256(pair) }, header)).toBe(passes)
  })

  test('what has no colon is no pair of credentials, even when its digest is the expected one', () => {
    expect(pass({ basic: sha256('ada') }, basic('ada'))).toBe(false)
  })
})

describe('C05 bearer', () => {
  const token = `ey${'J0-._~+/='.repeat(8)}`
  const auth = { bearer: [sha256('first'), sha256(token), sha256('last')] }
  const cases: [header: string | undefined, passes: boolean][] = [
    [`Bearer ${token}`, true],
    [`bearer ${token}`, true],
    ['Bearer first', true],
    ['Bearer last', true],
    [`Bearer  ${token}`, false],
    [`Bearer\t${token}`, false],
    [`Bearer ${token} `, false],
    [`Bearer${token}`, false],
    [`Token ${token}`, false],
    [token, false],
    ['Bearer ', false],
    ['Bearer first, Bearer last', false],
    [`Bearer ${sha256('first')}`, false],
    [undefined, false],
  ]
  test.each(cases)('%j passes: %j', (header, passes) => {
    expect(pass(auth, header)).toBe(passes)
  })

  test('no tokens at all let nobody in', () => {
    expect(pass({ bearer: [] }, 'Bearer x')).toBe(false)
    expect(pass({}, 'Bearer x')).toBe(false)
  })
})

test('with both set either passes, and both are named in the challenge', () => {
  const auth = { basic: sha256('ada:secret'), bearer: [sha256('token')] }
  expect(pass(auth, basic('ada:secret'))).toBe(true)
  expect(pass(auth, 'Bearer token')).toBe(true)
  expect(pass(auth, 'Bearer ada:secret')).toBe(false)
  expect(prepareCredentials(auth)?.challenges).toEqual([
    'WWW-Authenticate',
    'Basic realm="hooklet", charset="UTF-8"',
    'WWW-Authenticate',
    'Bearer realm="hooklet"',
  ])
})
