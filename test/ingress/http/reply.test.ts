import { readFile } from 'node:fs/promises'
import { describe, expect, test } from '@jest/globals'
import { RESERVED_HEADERS } from '../../../ingress/routes/answer-headers.ts'
import { DEFAULT_LIMITS } from '../../../ingress/http/limits.ts'
import type { Prepared } from '../../../ingress/routes/prepared.ts'
import { preparedAnswers } from '../../../ingress/routes/prepared.ts'
import { renderReply } from '../../../ingress/http/reply.ts'
import { prepareRoute } from '../../../ingress/routes/served.ts'
import type { Json } from '../../../state/event.ts'
import { routeOf } from '../support.ts'

const route = prepareRoute(routeOf('orders', { response: { mode: 'Reply' } }), { partitions: 64 })

function reply(body: Json, headers: Record<string, string> = {}, status = 200): Prepared {
  return renderReply({ kind: 'reply', status, headers, body }, route, DEFAULT_LIMITS)
}

function output(body: Json, contentType: string): Prepared {
  const response = {
    mode: 'Output',
    statusCode: 201,
    headers: { 'content-type': contentType, 'x-kind': 'a' },
  } as const
  const route = prepareRoute(routeOf('orders', { response }), { partitions: 64 })
  return renderReply({ kind: 'output', body }, route, DEFAULT_LIMITS)
}

function header(answer: Prepared, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < answer.headers.length; i += 2) {
    if (answer.headers[i]?.toLowerCase() === name) values.push(answer.headers[i + 1] ?? '')
  }
  return values
}

describe('R09 the content type of a reply', () => {
  test.each([
    'application/json',
    'application/xml',
    'text/plain',
    'text/xml',
    'text/csv',
    'Text/CSV; header=present',
    'application/json;charset=utf-8',
  ])('%s is kept', (type) => {
    expect(header(reply('x', { 'Content-Type': type }), 'content-type')).toEqual([type])
  })

  test.each([
    'text/html',
    'image/svg+xml',
    'application/json2',
    'text/html; a=text/plain',
    '',
    ' ; ',
    'text/plain\r\nx: y',
  ])('%j becomes application/json', (type) => {
    expect(header(reply('x', { 'content-type': type }), 'content-type')).toEqual(['application/json'])
  })

  test('without one a text is text, null is nothing and anything else is JSON', () => {
    expect(header(reply('x'), 'content-type')).toEqual(['text/plain; charset=utf-8'])
    expect(header(reply({ a: 1 }), 'content-type')).toEqual(['application/json'])
    expect(header(reply(false), 'content-type')).toEqual(['application/json'])
    expect(header(reply(null), 'content-type')).toEqual([])
  })
})

describe('the headers of a reply', () => {
  test('R09 those of the platform hold', () => {
    const answer = reply('x', {
      'x-content-type-options': 'sniff',
      'Content-Security-Policy': 'default-src *',
      'X-XSS-Protection': '1',
      'X-Request-Id': 'mine',
      'X-Hooklet-Event-Id': 'mine',
    })
    expect(header(answer, 'x-content-type-options')).toEqual(['nosniff'])
    expect(header(answer, 'content-security-policy')).toEqual([
      "default-src 'none'; frame-ancestors 'none'; sandbox",
    ])
    expect(header(answer, 'x-xss-protection')).toEqual(['0'])
    expect(header(answer, 'x-request-id')).toEqual([])
    expect(header(answer, 'x-hooklet-event-id')).toEqual([])
  })

  test('those of the connection, the framing and the origin are refused, others pass', () => {
    const refused = {
      'Transfer-Encoding': 'chunked',
      'content-length': '1',
      Connection: 'close',
      'Keep-Alive': 'timeout=1',
      Upgrade: 'h2c',
      'Content-Encoding': 'gzip',
      'Strict-Transport-Security': 'max-age=1',
      NEL: '{"report_to":"x","max_age":1}',
      'Report-To': '{}',
      'Reporting-Endpoints': 'x="https://x.example"',
      'Accept-CH': 'DPR',
      'Critical-CH': 'DPR',
      'Set-Cookie': 'a=b',
    }
    const answer = reply('four', { ...refused, Location: '/elsewhere', 'x-mine': 'a\tb' })
    expect(header(answer, 'content-length')).toEqual(['4'])
    expect(header(answer, 'location')).toEqual(['/elsewhere'])
    expect(header(answer, 'x-mine')).toEqual(['a\tb'])
    for (const name of ['transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'content-encoding']) {
      expect(header(answer, name)).toEqual([])
    }
    for (const name of Object.keys(refused).filter((each) => each !== 'content-length'))
      expect([name, header(answer, name.toLowerCase())]).toEqual([name, []])
  })

  test('the page names all that are left out, and a Webhook may set none of them', async () => {
    const page = (await readFile('docs/answers.md', 'utf8')).toLowerCase()
    const crd = await readFile('crds/webhook.yaml', 'utf8')
    const rule = /self\.all\(name, !\(name\.lowerAscii\(\) in \[([^\]]*)\]/.exec(crd)?.[1] ?? ''
    const inRule = [...rule.matchAll(/'([^']+)'/g)].map(([, name = '']) => name)
    // The content type is given by this header, too, and checked apart.
    const names = [...RESERVED_HEADERS].filter((name) => name !== 'content-type')
    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([])
    expect(inRule.toSorted()).toEqual(names.toSorted())
  })

  test.each([
    ['a b', 'x'],
    ['', 'x'],
    ['x-mine:', 'x'],
    ['x-mine', 'a\r\nset-cookie: b'],
    ['x-mine', 'a\u0000'],
    ['x-mine', 'ä'],
    ['x-mine', '☃'],
  ])('%j: %j is malformed and left out', (name, value) => {
    const answer = reply('x', { [name]: value, 'x-good': 'yes' })
    expect(answer.headers).not.toContain(value)
    expect(header(answer, 'x-good')).toEqual(['yes'])
  })
})

describe('the status of a reply', () => {
  test.each([
    [200, 200],
    [404, 404],
    [599, 599],
    [100, 200],
    [101, 200],
    [99, 200],
    [600, 200],
    [200.5, 200],
    [NaN, 200],
  ])('%d is sent as %d', (asked, sent) => {
    expect(reply('x', {}, asked).status).toBe(sent)
  })

  test.each([204, 205, 304])('%d has no body', (status) => {
    const answer = reply({ a: 1 }, { 'content-type': 'application/json' }, status)
    expect(answer.body).toBeUndefined()
    expect(header(answer, 'content-type')).toEqual([])
    expect(header(answer, 'content-length')).toEqual(status === 205 ? ['0'] : [])
  })
})

describe('the body of a reply', () => {
  test('an object is JSON, a text is itself, null is empty', () => {
    expect(reply({ a: [1] }).body).toBe('{"a":[1]}')
    expect(reply('näh').body).toBe('näh')
    expect(header(reply('näh'), 'content-length')).toEqual(['4'])
    expect(reply('{"a":1}', { 'content-type': 'application/json' }).body).toBe('{"a":1}')
    expect(reply(null).body).toBe('')
  })

  test('256 KiB pass, one byte more is a 502', () => {
    expect(reply('x'.repeat(256 * 1024)).status).toBe(200)
    expect(reply('x'.repeat(256 * 1024 + 1))).toBe(preparedAnswers.ReplyTooLarge)
    expect(reply('ä'.repeat(128 * 1024 + 1))).toBe(preparedAnswers.ReplyTooLarge)
    expect(output('x'.repeat(256 * 1024), 'application/json')).toBe(preparedAnswers.ReplyTooLarge)
  })

  test('too many or too long headers are a 502', () => {
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, 'y']))
    expect(reply('x', many)).toBe(preparedAnswers.ReplyTooLarge)
    expect(reply('x', { 'x-long': 'y'.repeat(16 * 1024) })).toBe(preparedAnswers.ReplyTooLarge)
  })
})

describe('C14 the output of a workflow', () => {
  test('goes out with the status and headers of the webhook', () => {
    const answer = output({ valid: false }, 'application/json')
    expect(answer.status).toBe(201)
    expect(header(answer, 'x-kind')).toEqual(['a'])
    expect(answer.body).toBe('{"valid":false}')
  })

  test('is JSON where the webhook says so, else a text is itself', () => {
    expect(output('yes', 'application/json; charset=utf-8').body).toBe('"yes"')
    expect(output(null, 'application/json').body).toBe('null')
    expect(output('yes', 'text/plain').body).toBe('yes')
    expect(output({ a: 1 }, 'text/plain').body).toBe('{"a":1}')
    expect(output(null, 'text/plain').body).toBe('')
  })
})

test('a run that ended or failed without a reply is a 502', () => {
  expect(renderReply({ kind: 'ended' }, route, DEFAULT_LIMITS)).toBe(preparedAnswers.RunEnded)
  expect(renderReply({ kind: 'failed' }, route, DEFAULT_LIMITS)).toBe(preparedAnswers.RunFailed)
})
