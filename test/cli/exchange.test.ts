import { execFileSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { curlLine, fill, readExchanges, webhookOf, wireBody } from '../../cli/manifests/exchange.ts'
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
  const line = curlLine(exchange, () => 'http://h/p')
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
