import { execFileSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import type { Hmac } from 'node:crypto'
import { expect, test } from '@jest/globals'
import {
  curlLine,
  fill,
  readExchanges,
  webhookOf,
  wireBody,
  wireRequest,
} from '../../cli/manifests/exchange.ts'
import type { Exchange } from '../../cli/manifests/exchange.ts'

const FILE = `A line of explanation before the first exchange.

### With an answer
POST {{orders}}/new?x=1
Content-Type: application/json

{"a": 1,
 "b": 2}

HTTP/1.1 201 Created
X-Kind: order

{"ok": true}

### A request only
GET {{base}}/v1/flow-webhook/{{orders.token}}

### nothing but a comment
`

function exchanges(): [Exchange, Exchange] {
  const [first, second, ...rest] = readExchanges(FILE)
  expect(rest).toEqual([])
  if (!first || !second) throw new Error('two exchanges expected')
  return [first, second]
}

test('an .http file is read into requests and answers', () => {
  const [first, second] = exchanges()
  expect(first).toEqual({
    title: 'With an answer',
    method: 'POST',
    target: '{{orders}}/new?x=1',
    headers: [['Content-Type', 'application/json']],
    body: '{"a": 1,\n "b": 2}',
    answer: { status: 201, headers: [['X-Kind', 'order']], body: '{"ok": true}' },
  })
  expect(second).toEqual({
    title: 'A request only',
    method: 'GET',
    target: '{{base}}/v1/flow-webhook/{{orders.token}}',
    headers: [],
    body: '',
  })
  expect([first, second].map(webhookOf)).toEqual(['orders', 'orders'])
})

test('placeholders are filled and unknown ones stay', () => {
  expect(fill('{{a}}/{{b.token}}/{{c}}', (name) => ({ a: 'A', 'b.token': 'B' })[name])).toBe('A/B/{{c}}')
})

test('a multipart body gets the line ends of RFC 2046', () => {
  const headers: [string, string][] = [['content-type', 'multipart/form-data; boundary=x']]
  expect(wireBody({ headers, body: '--x\n\nv\n--x--' })).toBe('--x\r\n\r\nv\r\n--x--\r\n')
  expect(wireBody({ headers: [], body: 'a\nb' })).toBe('a\nb')
})

test('a curl line survives the shell', () => {
  const exchange: Exchange = {
    title: '',
    method: 'PUT',
    target: '{{it}}?q=a&b=$HOME',
    headers: [['X-Quote', `it's "here"`]],
    body: '{"x": "`date` \\n"}',
  }
  const line = curlLine(wireRequest(exchange, () => 'http://h/p', 0))
  const shown = execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }\n${line}`], { encoding: 'utf8' })
  expect(shown.trim().split('\n')).toEqual([
    '-sS',
    '-X',
    'PUT',
    '-H',
    `X-Quote: it's "here"`,
    '--data-binary',
    '{"x": "`date` \\n"}',
    'http://h/p?q=a&b=$HOME',
  ])
})

test('headers hold the time, and signatures of what is sent', () => {
  const body = '{"a": 1}'
  const exchange: Exchange = {
    title: '',
    method: 'POST',
    target: '{{it}}?x=1',
    headers: [
      ['X-Time', '{{timestamp}}'],
      ['X-Hub', 'sha256={{hmac SHA256 Hex secret {body}}}'],
      ['X-Slack', 'v0={{hmac SHA256 Hex secret v0:{timestamp}:{body}}}'],
      ['X-Url', '{{hmac SHA1 Base64 base64:c2VjcmV0 {url} {other} {body}}}'],
    ],
    body,
  }
  const of = (algorithm: string, text: string): Hmac => createHmac(algorithm, 'secret').update(text)
  const { headers } = wireRequest(exchange, () => 'http://h/p', 1_700_000_000_999)
  expect(headers).toEqual([
    ['X-Time', '1700000000'],
    ['X-Hub', `sha256=${of('sha256', body).digest('hex')}`],
    ['X-Slack', `v0=${of('sha256', `v0:1700000000:${body}`).digest('hex')}`],
    ['X-Url', of('sha1', `http://h/p?x=1 {other} ${body}`).digest('base64')],
  ])
})

test('the Ed25519 signature is that of RFC 8032, 7.1, test 1', () => {
  const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
  const exchange: Exchange = {
    title: '',
    method: 'POST',
    target: '{{it}}',
    headers: [['X-Signature', `{{ed25519 Hex hex:${seed} {body}}}`]],
    body: '',
  }
  expect(wireRequest(exchange, () => '', 0).headers[0]?.[1]).toBe(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  )
})
