import { describe, expect, test } from '@jest/globals'
import { decodeBody } from '../../../runner/request/body.ts'
import { DECODING } from '../../../runner/request/limits.ts'
import type { Json } from '../../../state/event.ts'

/** Each limit of a decoder: at the limit the body is a value, one beyond it is the text that was sent. */

const decode = async (contentType: string, text: string): Promise<Json> =>
  decodeBody(Buffer.from(text), contentType)

const times = <T>(count: number, of: (nth: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => of(n))

function depthOf(value: Json): number {
  let depth = 0
  for (let inner: Json | undefined = value; inner !== null && typeof inner === 'object'; depth++)
    inner = Object.values(inner)[0]
  return depth
}

const json = (depth: number): string => '[{"a":'.repeat(depth / 2) + '1' + '}]'.repeat(depth / 2)
const xml = (depth: number): string => '<a>'.repeat(depth) + 'x' + '</a>'.repeat(depth)
const form = (pairs: number): string => times(pairs, (n) => `n${n}=1`).join('&')
const part = (name: string, ...headers: string[]): string =>
  ['--b', `Content-Disposition: form-data; name="${name}"`, ...headers, '', '1', ''].join('\r\n')
const multipart = (...parts: string[]): string => `${parts.join('')}--b--\r\n`

describe('the depth', () => {
  test('of JSON', async () => {
    expect(depthOf(await decode('application/json', json(DECODING.depth)))).toBe(DECODING.depth)
    const beyond = `[${json(DECODING.depth)}]`
    expect(await decode('application/json', beyond)).toBe(beyond)
    expect(await decode('', beyond)).toBe(beyond)
  })

  test('of XML', async () => {
    expect(depthOf(await decode('text/xml', xml(DECODING.depth)))).toBe(DECODING.depth)
    const beyond = xml(DECODING.depth + 1)
    expect(await decode('text/xml', beyond)).toBe(beyond)
  })
})

describe('the number', () => {
  const formType = 'application/x-www-form-urlencoded'
  test.each([formType, ''])('of pairs of a form, content type %j', async (contentType) => {
    expect(Object.keys((await decode(contentType, form(DECODING.pairs))) as object)).toHaveLength(
      DECODING.pairs,
    )
    const beyond = form(DECODING.pairs + 1)
    expect(await decode(contentType, beyond)).toBe(beyond)
  })

  test('of tags of XML', async () => {
    const elements = DECODING.xmlTags - 2
    expect(await decode('text/xml', `<a>${'<b/>'.repeat(elements)}</a>`)).toEqual({
      a: { b: times(elements, () => '') },
    })
    const beyond = `<a>${'<b/>'.repeat(elements + 1)}</a>`
    expect(await decode('text/xml', beyond)).toBe(beyond)
  })

  test.each([
    [
      'attributes',
      DECODING.xmlAttributes,
      (count: number) => `<a ${times(count, (n) => `x${n} = '1'`).join(' ')}/>`,
    ],
    ['references', DECODING.xmlReferences, (count: number) => `<a>${'&#65;'.repeat(count)}</a>`],
    [
      'characters of an instruction',
      DECODING.xmlInstruction,
      (count: number) => `<?${'x'.repeat(count - 2)}?><a/>`,
    ],
  ])('of %s of XML', async (_, limit, document) => {
    expect(await decode('text/xml', document(limit))).toBeInstanceOf(Object)
    expect(await decode('text/xml', document(limit + 1))).toBe(document(limit + 1))
  })

  test('of parts of a multipart form', async () => {
    const contentType = 'multipart/form-data; boundary=b'
    const most = times(DECODING.parts, (n) => part(`n${n}`))
    expect(Object.keys((await decode(contentType, multipart(...most))) as object)).toHaveLength(
      DECODING.parts,
    )
    const beyond = multipart(...most, part('more'))
    expect(await decode(contentType, beyond)).toBe(beyond)
  })

  test('of bytes in the name of a field', async () => {
    const contentType = 'multipart/form-data; boundary=b'
    const name = 'n'.repeat(DECODING.fieldName)
    expect(await decode(contentType, multipart(part(name)))).toEqual({ [name]: '1' })
    const beyond = multipart(part(`${name}n`))
    expect(await decode(contentType, beyond)).toBe(beyond)
  })

  test('of headers of a part: more are left out', async () => {
    const headers = times(DECODING.partHeaders + 1, (n) => `X-${n}: y`)
    expect(await decode('multipart/form-data; boundary=b', multipart(part('a', ...headers)))).toEqual({
      a: '1',
    })
  })
})

describe('XML can not reach beyond itself', () => {
  test.each([
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['a file', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'],
    ['an address', '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>'],
    ['a parameter entity', '<!doctype a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]><a/>'],
    [
      'entities of entities',
      `<!DOCTYPE a [<!ENTITY a0 "a">${times(20, (n) => `<!ENTITY a${n + 1} "${`&a${n};`.repeat(10)}">`).join('')}]><a>&a20;</a>`,
    ],
  ])('by %s: it is text', async (_, text) => {
    expect(await decode('application/xml', text)).toBe(text)
  })

  test('an entity that nobody defined stays as it is', async () => {
    expect(await decode('application/xml', '<a>&x; &lt;&#65;</a>')).toEqual({
      a: expect.stringContaining('&x;'),
    })
  })

  test('names of prototypes are names, or the text', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const text = `<r><${name}><polluted>1</polluted></${name}></r>`
      await decode('application/xml', text)
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    }
  })
})

test('bodies made to be slow are decoded in no time that a caller would notice', async () => {
  const size = 256 * 1024
  const bodies: [contentType: string, text: string][] = [
    ['application/json', '['.repeat(size)],
    ['application/json', `[${'1e9,'.repeat(size / 4 - 1)}1]`],
    ['application/xml', '<a '.repeat(size / 3)],
    ['application/xml', `<a>${'<b/>'.repeat(size / 4)}</a>`],
    ['application/xml', `<a>${'&'.repeat(size)}</a>`],
    ['application/xml', `<a ${times(20_000, (n) => `x${n}="1"`).join(' ')}/>`],
    ['application/xml', `<a>${'<![CDATA['.repeat(size / 9)}</a>`],
    ['application/xml', '<!--'.repeat(size / 4)],
    ['application/x-www-form-urlencoded', '&'.repeat(size)],
    ['application/x-www-form-urlencoded', '%'.repeat(size)],
    ['multipart/form-data; boundary=b', '--b\r\n'.repeat(size / 5)],
    ['multipart/form-data; boundary=b', '\r\n--'.repeat(size / 4)],
    [`multipart/form-data; boundary=${'-'.repeat(70)}`, '-'.repeat(size)],
    ['', ' '.repeat(size)],
    ['', `a=${'='.repeat(size)} `],
    [`text/plain;${' charset'.repeat(1_000)}`, 'x'],
    [`;${' '.repeat(8_000)}`, 'x'],
  ]
  for (const [contentType, text] of bodies) {
    const start = performance.now()
    await decode(contentType, text)
    // Quadratic ones would take minutes; a busy machine does not take 5 s for a linear one.
    expect([contentType.slice(0, 40), text.slice(0, 10), performance.now() - start < 5_000]).toEqual([
      contentType.slice(0, 40),
      text.slice(0, 10),
      true,
    ])
  }
})
