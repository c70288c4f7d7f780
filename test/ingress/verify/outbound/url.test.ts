import { describe, expect, test } from '@jest/globals'
import { parseOriginMap } from '../../../../ingress/verify/outbound/origins.ts'
import { parseOutboundUrl } from '../../../../ingress/verify/outbound/url.ts'

describe('a URL that may be fetched', () => {
  test.each([
    ['as it is', 'https://a.example/x.pem', 'https://a.example/x.pem'],
    ['scheme and host in upper case', 'HTTPS://A.Example/X', 'https://a.example/X'],
    ['the default port', 'https://a.example:443/', 'https://a.example/'],
    ['dot segments', 'https://a.example/b/../c/./d', 'https://a.example/c/d'],
    ['encoded dot segments', 'https://a.example/b/%2e%2E/c', 'https://a.example/c'],
  ])('%s', (_, text, href) => expect(parseOutboundUrl(text)?.href).toBe(href))

  test.each([
    ['nothing', ''],
    ['no URL', 'chain.pem'],
    ['http', 'http://a.example/'],
    ['another port', 'https://a.example:8443/'],
    ['a user', 'https://u@a.example/'],
    ['an empty user is dropped by parsers', 'https://u:p@a.example/'],
    ['a fragment', 'https://a.example/#x'],
    ['an empty fragment', 'https://a.example/#'],
    ['backslashes', 'https:\\\\a.example\\x'],
    ['one backslash', 'https://a.example\\@b.example/'],
    ['a tab that parsers drop', 'https://a.exa\tmple/'],
    ['a line break that parsers drop', 'https://a.example/x\n'],
    ['blanks around', ' https://a.example/ '],
    ['letters that look alike', 'https://ａ.example/'],
    ['too long', `https://a.example/${'x'.repeat(2048)}`],
  ])('not %s', (_, text) => expect(parseOutboundUrl(text)).toBeUndefined())

  test('on another port where that is allowed', () =>
    expect(parseOutboundUrl('https://a.example:8443/', { anyPort: true })?.port).toBe('8443'))
})

describe('the map of origins', () => {
  test('is read with its origins in their normal form', () => {
    const map = parseOriginMap(
      'https://S3.amazonaws.com=http://127.0.0.1:9000, https://a.example:8443=https://b.example/',
    )
    expect([...map]).toEqual([
      ['https://s3.amazonaws.com', 'http://127.0.0.1:9000'],
      ['https://a.example:8443', 'https://b.example'],
    ])
  })

  test.each([
    ['one half only', 'https://a.example'],
    ['three parts', 'https://a.example=http://b.example=http://c.example'],
    ['http in front', 'http://a.example=http://b.example'],
    ['a path', 'https://a.example=http://b.example/path'],
    ['a user', 'https://a.example=http://u@b.example'],
    ['another scheme', 'https://a.example=file:///etc'],
    ['an empty entry', 'https://a.example=http://b.example,'],
  ])('is refused with %s', (_, text) => expect(() => parseOriginMap(text)).toThrow('must be a list of'))
})
