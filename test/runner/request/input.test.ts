import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { CallEvent, Json } from '../../../state/event.ts'
import { decodeCall } from '../../../runner/request/input.ts'

function callEvent(more: Partial<CallEvent> = {}): CallEvent {
  return {
    id: '0193',
    time: '2026-11-21T08:00:00.000Z',
    type: 'http',
    webhook: { namespace: 'shop', name: 'orders' },
    method: 'post',
    path: '/transition/up',
    query: '',
    headers: {},
    clientIP: '192.0.2.1',
    merged: false,
    body: Buffer.alloc(0),
    ...more,
  }
}

const withBody = (contentType: string | undefined, body: string | Buffer): CallEvent =>
  callEvent({
    headers: contentType === undefined ? {} : { 'content-type': contentType },
    body: Buffer.from(body),
  })

test('R06 the run sees the call as it came', async () => {
  const event = callEvent({
    query: 'location=52&tag=a&tag=b&empty=&x%20y=%E4%zz',
    headers: { 'content-type': 'application/json', host: 'hooks.example' },
    body: Buffer.from('{"qty": 2}'),
    reply: { id: 'r1', mode: 'Reply' },
  })
  expect(await decodeCall(event)).toEqual({
    id: '0193',
    time: '2026-11-21T08:00:00.000Z',
    type: 'http',
    webhook: { namespace: 'shop', name: 'orders' },
    method: 'post',
    path: '/transition/up',
    query: { location: '52', tag: ['a', 'b'], empty: '', 'x y': '\ufffd%zz' },
    headers: { 'content-type': 'application/json', host: 'hooks.example' },
    body: { qty: 2 },
    clientIP: '192.0.2.1',
    replyId: 'r1',
  })
  const bare = await decodeCall(callEvent())
  expect(bare).toMatchObject({ query: {}, body: null })
  expect(bare).not.toHaveProperty('replyId')
})

describe('bodies', () => {
  const file =
    '--b\r\nContent-Disposition: form-data; name="f"; filename="ä.txt"\r\nContent-Type: text/csv\r\n\r\na,b\r\n'
  const field = (name: string, value: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
  const cases: [name: string, contentType: string | undefined, body: string, value: Json][] = [
    ['R06 JSON', 'application/json; charset=utf-8', '{"a": [1]}', { a: [1] }],
    ['R06 JSON of any kind', 'application/cloudevents+json', '"x"', 'x'],
    ['R06 broken JSON is text', 'application/json', '{"a": ', '{"a": '],
    ['C13 a form', 'application/x-www-form-urlencoded', 'a=1&b=x+y&a=%C3%A4', { a: ['1', 'ä'], b: 'x y' }],
    ['C13 JSON that curl -d calls a form', 'application/x-www-form-urlencoded', '{"a":1}', { a: 1 }],
    ['C13 no content type, JSON', undefined, '{"a":1}', { a: 1 }],
    ['C13 no content type, null', undefined, 'null', null],
    ['C13 no content type, a form', undefined, 'a=1&b=2', { a: '1', b: '2' }],
    ['C13 no content type, text', undefined, 'Dear a = b', 'Dear a = b'],
    ['text', 'text/plain', '{"a":1}', '{"a":1}'],
    [
      'R06 multipart',
      'multipart/form-data; boundary=b',
      `${field('a', '1')}${field('a', 'ü')}${file}--b--\r\n`,
      { a: ['1', 'ü'], f: { filename: 'ä.txt', contentType: 'text/csv', size: 3, data: 'YSxi' } },
    ],
    [
      'R06 multipart that ends early is text',
      'multipart/form-data; boundary=b',
      field('a', '1'),
      field('a', '1'),
    ],
    [
      'R06 multipart with a part that has no name is text',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n',
      '--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n',
    ],
    [
      'R06 multipart with a file that has no name is text',
      'multipart/form-data; boundary=b',
      '--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--b--\r\n',
      '--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--b--\r\n',
    ],
    ['R06 multipart without boundary is text', 'multipart/form-data', 'x', 'x'],
    [
      'C12 XML',
      'application/xml',
      '<?xml version="1.0"?><o id="7"><n>00&amp;1</n><i>a</i><i>b</i></o>',
      { o: { '@id': '7', n: '00&1', i: ['a', 'b'] } },
    ],
    ['C12 text/xml', 'text/xml; charset=utf-8', '<a><![CDATA[<b>]]></a>', { a: '<b>' }],
    ['C12 XML of any kind', 'application/soap+xml', '<a/>', { a: '' }],
    ['C12 broken XML is text', 'text/xml', '<a><b></a>', '<a><b></a>'],
    [
      'C12 references to characters are decoded, once',
      'text/xml',
      '<a b="&#xA;&#228;">&#65;&amp;#65;&#x1F600;&lt;<![CDATA[&#65;]]></a>',
      { a: { '@b': '\nä', '#text': 'A&#65;😀<&#65;' } },
    ],
    [
      'C12 entities are not expanded',
      'text/xml',
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    ],
  ]
  test.each(cases)('%s', async (_name, contentType, body, value) => {
    expect((await decodeCall(withBody(contentType, body))).body).toEqual(value)
  })

  test('a character encoding is obeyed', async () => {
    expect((await decodeCall(withBody('text/plain; charset=iso-8859-1', Buffer.from([0xe4])))).body).toBe('ä')
    expect((await decodeCall(withBody('text/plain; charset=none', 'ä'))).body).toBe('ä')
  })

  test('C12 XML is in the encoding that it declares, unless the content type or its first bytes tell another', async () => {
    const text = (encoding: string) => `<?xml version="1.0" encoding='${encoding}'?><a>ä€</a>`
    const latin = Buffer.from(text('windows-1252').replace('€', '\x80'), 'latin1')
    const utf16 = Buffer.from(`\ufeff${text('UTF-16')}`, 'utf16le')
    const [big, little] = [Buffer.from(utf16).swap16(), utf16]
    for (const body of [latin, little, big, Buffer.from(text('UTF-8')), Buffer.from(text('UTF-16'))])
      expect((await decodeCall(withBody('application/xml', body))).body).toEqual({ a: 'ä€' })
    const named = withBody('text/xml; charset=utf-8', text('iso-8859-1'))
    expect((await decodeCall(named)).body).toEqual({ a: 'ä€' })
  })

  test('R10 bytes that are no text come whole, like a file of a form', async () => {
    const bytes = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00])
    for (const contentType of ['image/png', 'application/octet-stream', undefined]) {
      const { body } = await decodeCall(withBody(contentType, bytes))
      expect(body).toEqual({ contentType: contentType ?? '', size: 6, data: bytes.toString('base64') })
    }
    const merged = await decodeCall({ ...withBody('image/png', bytes), merged: true, query: 'a=1' })
    expect([merged.query, merged.body]).toMatchObject([{ a: '1' }, { size: 6 }])
    // What calls itself a text is one.
    expect((await decodeCall(withBody('text/csv', Buffer.from([0x61, 0xe4])))).body).toBe('a\ufffd')
    expect((await decodeCall(withBody('application/octet-stream', 'ä'))).body).toBe('ä')
  })

  test('deep nesting stays text', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect((await decodeCall(withBody('application/json', deep))).body).toBe(deep)
    const tags = '<a>'.repeat(5000) + '</a>'.repeat(5000)
    expect((await decodeCall(withBody('application/xml', tags))).body).toBe(tags)
  })

  test('a name like __proto__ is a name like any other', async () => {
    const json = (
      await decodeCall({
        ...withBody('application/json', '{"__proto__": {"x": 1}}'),
        merged: true,
        query: '__proto__=2',
      })
    ).body
    expect(JSON.stringify(json)).toBe('{"__proto__":{"x":1}}')
    const form = (await decodeCall(withBody('application/x-www-form-urlencoded', '__proto__=1'))).body
    expect(JSON.stringify(form)).toBe('{"__proto__":"1"}')
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })
})

describe('C11 input: Merged', () => {
  const merged = async (query: string, contentType: string, body: string): Promise<Json[]> => {
    const input = await decodeCall({ ...withBody(contentType, body), query, merged: true })
    return [input.body, input.query]
  }
  test('C09 C10 C11 query and JSON body are one dictionary, the body wins', async () => {
    expect(await merged('company_id=1&value_1=123', 'application/json', '{"company_id":123456}')).toEqual([
      { company_id: 123456, value_1: '123' },
      {},
    ])
  })
  test('C10 without a body, the query alone', async () => {
    expect(await merged('value_1=123&value_2=test', '', '')).toEqual([
      { value_1: '123', value_2: 'test' },
      {},
    ])
  })
  test('C11 a form merges like JSON', async () => {
    expect(await merged('a=1', 'application/x-www-form-urlencoded', 'b=2')).toEqual([{ a: '1', b: '2' }, {}])
  })
  test('a body that is no object stays, and so does the query', async () => {
    expect(await merged('a=1', 'application/json', '[1]')).toEqual([[1], { a: '1' }])
  })
})

test('no call makes it throw', async () => {
  const contentType = fc.oneof(
    fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'text/xml',
      'multipart/form-data; boundary=b',
      '',
    ),
    fc.string(),
  )
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .array(
        fc.constantFrom(
          '--b',
          '\r\n',
          'Content-Disposition: form-data; name="a"',
          '--',
          '<a>',
          '</a>',
          '&x;',
          '<![CDATA[',
          '=',
          '&',
          '%',
        ),
        { maxLength: 20 },
      )
      .map((pieces) => Buffer.from(pieces.join(''))),
  )
  await fc.assert(
    fc.asyncProperty(contentType, body, fc.string(), fc.boolean(), async (type, bytes, query, merged) => {
      const input = await decodeCall(
        callEvent({ headers: { 'content-type': type }, body: bytes, query, merged }),
      )
      expect(typeof JSON.stringify(input)).toBe('string')
    }),
    { numRuns: 500 },
  )
})

describe('R07 events of a WebSocket', () => {
  const socketEvent = (
    type: CallEvent['type'],
    socket: Partial<NonNullable<CallEvent['socket']>> = {},
    body: string | Buffer = '',
  ): CallEvent =>
    callEvent({
      type,
      method: 'get',
      query: 'room=1',
      headers: { 'content-type': 'application/json' },
      socket: { id: '3.ws-x', ...socket },
      body: Buffer.from(body),
    })

  test('every one has the request that opened it, its type and the id to reply to', async () => {
    expect(await decodeCall(socketEvent('connect'))).toEqual({
      id: '0193',
      time: '2026-11-21T08:00:00.000Z',
      type: 'connect',
      webhook: { namespace: 'shop', name: 'orders' },
      method: 'get',
      path: '/transition/up',
      query: { room: '1' },
      headers: { 'content-type': 'application/json' },
      body: null,
      clientIP: '192.0.2.1',
      replyId: '3.ws-x',
      message: {},
    })
    const end = { statusCode: 1006, reason: '' }
    expect(await decodeCall(socketEvent('disconnect', { end }))).toMatchObject({
      type: 'disconnect',
      replyId: '3.ws-x',
      message: { statusCode: 1006, reason: '' },
    })
  })

  const messages: [string, string | Buffer, 'utf8' | 'base64' | 'hex' | undefined, Json][] = [
    ['an object', '{"a": [1]}', undefined, { data: { a: [1] }, length: 10 }],
    ['an array', '[1]', undefined, { data: [1], length: 3 }],
    ['text', 'grüße', undefined, { data: 'grüße', length: 7 }],
    ['nothing', '', undefined, { data: '', length: 0 }],
    ['text that is JSON of another kind', '5', undefined, { data: '5', length: 1 }],
    ['broken JSON', '{"a":', undefined, { data: '{"a":', length: 5 }],
    ['JSON that nests too deep', '['.repeat(300) + ']'.repeat(300), undefined, expect.anything() as never],
    ['bytes in base64', Buffer.from([0, 255]), 'base64', { data: 'AP8=', length: 2, encoding: 'base64' }],
    ['bytes in hex', Buffer.from([0, 255]), 'hex', { data: '00ff', length: 2, encoding: 'hex' }],
    ['bytes that are text', '{"a":1}', 'utf8', { data: { a: 1 }, length: 7, encoding: 'utf8' }],
  ]
  test.each(messages)('%s', async (name, body, binary, message) => {
    const event = socketEvent('message', binary === undefined ? {} : { binary }, body)
    const call = await decodeCall(event)
    expect(call['message']).toEqual(message)
    if (name.includes('deep')) expect(call['message']).toMatchObject({ data: body })
    expect(call.body).toBeNull()
  })

  test('with merged input the query is the body', async () => {
    const call = await decodeCall({ ...socketEvent('message', {}, '{"a": 1}'), merged: true })
    expect(call).toMatchObject({ body: { room: '1' }, query: {}, message: { data: { a: 1 } } })
  })
})
