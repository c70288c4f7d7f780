/**
 * Requests of all sorts, as the bytes (Latin-1) that go over the wire: nearly right ones, wrong ones, and
 * noise.
 */
import fc from 'fast-check'
import { routes } from './routes.ts'

/** Mostly what is right as far as it goes, so that what is wrong elsewhere is come to at all. */
const mostly = <T>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 24, arbitrary: right }, { weight: 1, arbitrary: wrong })

/** What goes over one connection, in the portions in which it is written. */
export type Portions = string[]

const tokens = routes(() => '0'.repeat(64)).map(({ token }) => token)

const bytes = (most: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength: most }).map((array) => Buffer.from(array).toString('latin1'))

const oneOf = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts)

const visible = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
})

const method = mostly(
  oneOf('GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND'),
  oneOf('CONNECT', 'M-SEARCH', 'get', 'FETCH', ''),
)

const piece = mostly(
  oneOf(
    '/',
    '//',
    '/..',
    '/.',
    '/%2e%2e',
    '/%00',
    '/%2F',
    '/%zz',
    '/%',
    '/a',
    '/;x=y',
    '/constructor',
    `/${'x'.repeat(3000)}`,
  ),
  oneOf('/\u00ff', '\\', '#x', '/\t', '/ '),
)
const parameter = oneOf(
  'a=1',
  'a=2',
  '=',
  '&',
  '&&',
  '%',
  '%zz=%',
  '__proto__=1',
  'a[]=1',
  'a[b]=1',
  '+',
  '%F0%9F',
  '\u00ff',
  '?',
  'hub.mode=subscribe&hub.verify_token=code&hub.challenge=1',
  'access_token=token',
  'a=1&'.repeat(1500),
)
const rest = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
const query = fc.option(
  fc.array(parameter, { maxLength: 6 }).map((parameters) => `?${parameters.join('&')}`),
  { nil: '' },
)
const token = fc.oneof({ weight: 6, arbitrary: oneOf(...tokens) }, { weight: 1, arbitrary: visible })
const prefix = fc.oneof(
  { weight: 8, arbitrary: oneOf('/webhooks/') },
  {
    weight: 2,
    arbitrary: oneOf(
      '/v1/flow-webhook/',
      'http://x/webhooks/',
      'http://',
      'ftp://x/webhooks/',
      '/webhooks',
      '/Webhooks/',
      '//webhooks/',
      '*',
      '',
      '/healthz',
      '/readyz',
      '/webhooks/%2e%2e/',
      'x:443',
    ),
  },
)
const target = fc.tuple(prefix, token, rest, query).map((parts) => parts.join(''))

const version = mostly(
  oneOf('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  oneOf('HTTP/2.0', 'HTTP/0.9', 'HTTP/1.2', 'http/1.1', 'HTTP/1', 'HTTP/11.1', ''),
)

const header = (name: string, ...values: string[]): fc.Arbitrary<string> =>
  oneOf(...values).map((value) => `${name}: ${value}`)

const base64 = bytes(40).map((text) => Buffer.from(text, 'latin1').toString('base64'))
const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array).toString('hex'))

const sound = fc.oneof(
  header('Connection', 'close', 'keep-alive', 'Upgrade', 'close, Host', 'x'),
  header('Upgrade', 'websocket', 'h2c', 'WebSocket'),
  header('Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ==', 'x'),
  header('Sec-WebSocket-Version', '13', '12', 'x'),
  header('Sec-WebSocket-Protocol', 'chat', ', ,', 'a b'),
  header('Expect', '100-continue', '100-Continue', 'x'),
  header('Content-Encoding', 'identity', 'gzip', 'br', ''),
  header('Trailer', 'X-Checksum'),
  header('TE', 'trailers'),
  header('Origin', 'https://app.example.com', 'null', 'https://evil.example.com', 'x'),
  header('Access-Control-Request-Method', 'POST', '*'),
  header('Access-Control-Request-Headers', 'content-type', '\u00ff', 'a'.repeat(3000)),
  header(
    'X-Forwarded-For',
    '192.0.2.1',
    '::1',
    '2001:db8::1%eth0',
    '[::1]:80',
    ',,',
    '192.0.2.1, x',
    '1.1.1.1,'.repeat(500),
  ),
  header('Forwarded', 'for=192.0.2.1', 'for="[2001:db8::1]:4711";proto=https', 'for=', ';;;'),
  header('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-x', 'ff-'),
  header('X-Request-Id', 'abc', 'a b', '\u00ff', 'x'.repeat(200)),
  header('Idempotency-Key', '1', '2', '', '\u00ff', 'x'.repeat(300)),
  header('X-GitHub-Delivery', '1', '\u00ff'),
  header('Cookie', 'a=b'),
  header('__proto__', 'x'),
  header('constructor', 'x'),
  fc.oneof(base64, visible).map((text) => `Authorization: Basic ${text}`),
  fc.oneof(oneOf('token', 'token, token'), visible).map((text) => `Authorization: Bearer ${text}`),
  hex.map((text) => `X-Hub-Signature-256: sha256=${text}`),
  fc
    .tuple(oneOf('t=1', 't=9999999999', 't=x', ''), hex)
    .map(([time, v1]) => `Stripe-Signature: ${time},v1=${v1}`),
  base64.map((text) => `X-Twilio-Signature: ${text}`),
)

/** These are rarely part of something that is a request in the end. */
const unsound = fc.oneof(
  header('Host', 'x', 'y', '', 'x y', '[::1]:80', 'x, y'),
  header('Content-Length', '0', '1', '5', '99999999999', '-1', '1, 1', 'x', '0x1', '1e1', ''),
  header('Transfer-Encoding', 'chunked', 'Chunked', 'gzip, chunked', 'identity', 'x', ''),
  fc.tuple(visible, bytes(40)).map(([name, value]) => `${name}: ${value}`),
  bytes(40),
  fc.nat(300).map((count) => Array.from({ length: count }, (_, nth) => `x${nth}: y`).join('\r\n') || 'x: y'),
)

const line = mostly(sound, unsound)

const nested = fc
  .tuple(oneOf('[', '{"a":', '<a>'), fc.integer({ min: 1, max: 6000 }))
  .map(([open, depth]) => open.repeat(Math.min(depth, Math.floor(15_000 / open.length))))

const boundary = 'b0undary'
const part = fc
  .tuple(
    oneOf(
      'form-data; name="a"',
      'form-data; name="__proto__"',
      'form-data; name="f"; filename="x"',
      'x',
      'form-data',
      '',
    ),
    oneOf('', '\r\nContent-Type: application/json', '\r\nContent-Transfer-Encoding: base64', '\r\nx'),
    bytes(60),
  )
  .map(
    ([disposition, more, value]) =>
      `--${boundary}\r\nContent-Disposition: ${disposition}${more}\r\n\r\n${value}\r\n`,
  )

interface Body {
  type: string
  text: string
}

const typed = (types: string[], text: fc.Arbitrary<string>): fc.Arbitrary<Body> =>
  fc.record({ type: oneOf(...types), text })

const body: fc.Arbitrary<Body> = fc.oneof(
  typed(
    ['application/json', 'text/json', 'application/vnd.x+json', '', 'application/json; charset=x'],
    fc.oneof(
      fc.json({ maxDepth: 5 }),
      nested,
      oneOf('{"__proto__":{"a":1}}', '"\\ud800"', '1e999', 'nul', '\u00ef\u00bb\u00bf{}'),
    ),
  ),
  typed(
    ['application/x-www-form-urlencoded', ''],
    fc.oneof(
      fc.array(parameter, { maxLength: 8 }).map((parameters) => parameters.join('&')),
      bytes(200),
    ),
  ),
  typed(
    [
      `multipart/form-data; boundary=${boundary}`,
      'multipart/form-data',
      `multipart/form-data; boundary="${'b'.repeat(100)}"`,
    ],
    fc.oneof(
      fc.array(part, { maxLength: 5 }).map((parts) => `${parts.join('')}--${boundary}--\r\n`),
      fc.array(part, { maxLength: 3 }).map((parts) => parts.join('')),
      part.map((one) => one.repeat(100)),
    ),
  ),
  typed(
    ['application/xml', 'text/xml; charset=utf-16', 'application/soap+xml'],
    fc.oneof(
      nested,
      oneOf(
        '<a b="c">d</a>',
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><a>&z;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<a><![CDATA[',
        '<__proto__>a</__proto__>',
        '<a>&#0;&#x110000;</a>',
        '<?xml version="1.0"?>',
      ),
      bytes(200),
    ),
  ),
  typed(
    ['text/plain', 'text/plain; charset=iso-8859-1', 'x', '\u00ff', 'application/octet-stream'],
    bytes(500),
  ),
  typed(['application/octet-stream'], oneOf('x'.repeat(16_384), 'x'.repeat(16_385), 'x'.repeat(40_000))),
)

type Framing = (text: string) => { header: string; payload: string }

const chunksOf = (text: string): string => {
  const size = Math.max(1, Math.ceil(text.length / 3))
  let chunks = ''
  for (let at = 0; at < text.length; at += size) {
    const data = text.slice(at, at + size)
    chunks += `${data.length.toString(16)}\r\n${data}\r\n`
  }
  return `${chunks}0\r\n\r\n`
}

const framing = mostly(
  fc.constantFrom<Framing>(
    (text) => ({ header: `Content-Length: ${text.length}`, payload: text }),
    (text) => ({ header: 'Transfer-Encoding: chunked', payload: chunksOf(text) }),
  ),
  fc.constantFrom<Framing>(
    (text) => ({ header: `Content-Length: ${text.length + 3}`, payload: text }),
    (text) => ({ header: `Content-Length: ${Math.max(0, text.length - 3)}`, payload: text }),
    (text) => ({ header: 'Transfer-Encoding: chunked', payload: text }),
    (text) => ({ header: 'Transfer-Encoding: chunked', payload: chunksOf(text).slice(0, -4) }),
    (text) => ({
      header: `Content-Length: ${text.length}\r\nTransfer-Encoding: chunked`,
      payload: chunksOf(text),
    }),
  ),
)

const wellFormed = fc
  .record({
    method,
    target,
    version,
    host: mostly(oneOf('Host: x'), oneOf('')),
    lines: fc.array(line, { maxLength: 6 }),
    body: fc.option(body, { nil: undefined }),
    framing,
  })
  .map(({ method, target, version, host, lines, body, framing }) => {
    const framed = body === undefined ? undefined : framing(body.text)
    const type = body === undefined || body.type === '' ? '' : `Content-Type: ${body.type}`
    const head = [host, type, framed?.header ?? '', ...lines].filter((one) => one !== '')
    return `${method} ${target} ${version}\r\n${head.map((one) => `${one}\r\n`).join('')}\r\n${framed?.payload ?? ''}`
  })

interface Mutation {
  at: number
  kind: 'replace' | 'insert' | 'remove' | 'repeat' | 'cut'
  text: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  // The beginning, where the request line and the headers are, more often.
  at: fc.oneof(fc.nat(120), fc.nat(1000)),
  kind: fc.constantFrom('replace', 'insert', 'remove', 'repeat', 'cut'),
  text: fc.oneof(
    oneOf('\r', '\n', '\r\n', '\0', ' ', '\t', ':', '\u00ff', '\u000b', '%', ',', ';'),
    bytes(4),
  ),
})

function mutated(text: string, { at, kind, text: other }: Mutation): string {
  const place = Math.min(at, text.length)
  const [before, behind] = [text.slice(0, place), text.slice(place)]
  switch (kind) {
    case 'replace':
      return before + other + behind.slice(other.length)
    case 'insert':
      return before + other + behind
    case 'remove':
      return before + behind.slice(Math.max(1, other.length))
    case 'repeat':
      return before + behind.slice(0, 20) + behind
    case 'cut':
      return before
  }
}

/** A frame of RFC 6455, 5.2, masked with zeros; of any opcode, and with any of the reserved bits. */
const frame = fc
  .tuple(fc.oneof(oneOf('\u0081', '\u0082', '\u0088', '\u0089'), bytes(1)), bytes(100))
  .map(([first, data]) => `${first}${String.fromCharCode(0x80 | data.length)}\0\0\0\0${data}`)

const socketToken = tokens.find((one) => one.includes('socket')) ?? ''

/** A WebSocket is opened, and whatever follows. */
const webSocket = fc
  .tuple(rest, query, fc.array(fc.oneof(frame, bytes(20)), { maxLength: 5 }))
  .map(([rest, query, frames]) =>
    [
      `GET /webhooks/${socketToken}${rest}${query} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
      '',
      frames.join(''),
    ].join('\r\n'),
  )

const request: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: wellFormed },
  { weight: 1, arbitrary: webSocket },
  {
    weight: 4,
    arbitrary: fc
      .tuple(wellFormed, fc.array(mutation, { minLength: 1, maxLength: 2 }))
      .map(([text, mutations]) => mutations.reduce(mutated, text)),
  },
  // Several over one connection.
  { weight: 2, arbitrary: fc.array(wellFormed, { minLength: 2, maxLength: 3 }).map((all) => all.join('')) },
  { weight: 1, arbitrary: bytes(300) },
)

/** A connection: its bytes, cut at some places. */
export const connections: fc.Arbitrary<Portions> = fc
  .tuple(request, fc.array(fc.nat(400), { maxLength: 3 }))
  .map(([text, cuts]) => {
    const places = [0, ...cuts.toSorted((a, b) => a - b), text.length]
    return places
      .slice(1)
      .map((end, nth) => text.slice(places[nth], end))
      .filter((portion) => portion !== '')
  })
