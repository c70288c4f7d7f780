/** By what a repeated delivery is known. */
import { describe, expect, test } from '@jest/globals'
import type { Verification } from '../../../ingress/route.ts'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'

type Headers = [name: string, value: string][]

const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']
const publicKey = ['d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a']
const cloudEvents = { allowedOrigins: ['*'], allowedRate: 1, accessTokenInQuery: false }
const hmac = {
  header: 'X-Signature',
  algorithm: 'SHA256',
  encoding: 'Hex',
  prefix: '',
  template: '{body}',
  timestampFormat: 'UnixSeconds',
  keyEncoding: 'Text',
} as const
const byId = { ...hmac, template: '{id}.{body}', idHeader: 'X-Delivery' }
const byTime = { ...hmac, template: '{timestamp}.{body}', timestampHeader: 'X-Time' }
const sns = { topicARNs: ['arn:aws:sns:eu-central-1:123456789012:orders'], confirm: true }

function idOf(
  verification: Verification,
  headers: Headers,
  body = '',
  url = 'https://a/b',
): string | undefined {
  const request: VerificationRequest = {
    method: 'POST',
    rest: '',
    query: '',
    header: (name) => headers.filter(([candidate]) => candidate === name).map(([, value]) => value),
    body: Buffer.from(body),
    now: 0,
    url: () => url,
  }
  return prepareVerification(verification, NOTHING_FETCHED)?.deliveryId?.(request)
}

describe('an id that is signed names the delivery', () => {
  test.each([
    [{ type: 'GitLab', secrets, gitlab: { mode: 'Signature' } }, [['webhook-id', 'd3']], '', 'd3'],
    [{ type: 'Stripe', secrets }, [], '{"id":"evt_1","object":"event"}', 'evt_1'],
    [{ type: 'Slack', secrets }, [], '{"type":"event_callback","event_id":"Ev1"}', 'Ev1'],
    [{ type: 'StandardWebhooks', secrets }, [['webhook-id', 'd5']], '', 'd5'],
    [{ type: 'HMAC', secrets, hmac: byId }, [['x-delivery', 'd8']], '', 'd8'],
    [{ type: 'Square', secrets }, [], '{"event_id":"e1"}', 'e1'],
    [{ type: 'PagerDuty', secrets }, [], '{"event":{"id":"e2"}}', 'e2'],
    [{ type: 'Alexa' }, [], '{"request":{"requestId":"r1"}}', 'r1'],
    [{ type: 'SNS', sns }, [], '{"MessageId":"m1"}', 'm1'],
    [{ type: 'Discord', secrets: publicKey }, [], '{"type":2,"id":"i1"}', 'i1'],
  ] as [Verification, Headers, string, string][])('%j with %j and %s', (verification, headers, body, id) => {
    expect(idOf(verification, headers, body)).toBe(id)
  })

  test('of two sets of headers it is that of the set that was verified', () => {
    const svix: Headers = [
      ['svix-id', 'signed'],
      ['svix-signature', 'v1,x'],
    ]
    const verification = { type: 'StandardWebhooks', secrets }
    expect(idOf(verification, svix)).toBe('signed')
    expect(idOf(verification, [...svix, ['webhook-id', 'other']])).toBe('signed')
    expect(idOf(verification, [['webhook-id', 'other'], ['webhook-id', 'more'], ...svix])).toBe('signed')
  })
})

describe('without one, all that is signed names it, and nothing that is not', () => {
  const unsigned: Headers = [
    ['x-github-delivery', '1'],
    ['x-shopify-webhook-id', '1'],
    ['i-twilio-idempotency-token', '1'],
    ['x-delivery', '1'],
    ['content-type', 'application/x-www-form-urlencoded'],
  ]
  const others = unsigned.map(([name, value]): [string, string] => [
    name,
    name === 'content-type' ? value : `${value}2`,
  ])
  const time: Headers = [
    ['x-slack-request-timestamp', '1'],
    ['x-zm-request-timestamp', '1'],
    ['x-signature-timestamp', '1'],
    ['x-time', '1'],
  ]
  const later = time.map(([name]): [string, string] => [name, '2'])

  test.each([
    [{ type: 'GitHub', secrets }, false],
    [{ type: 'Shopify', secrets }, false],
    [{ type: 'Twilio', secrets }, false],
    [{ type: 'Stripe', secrets }, false],
    [{ type: 'Square', secrets }, false],
    [{ type: 'PagerDuty', secrets }, false],
    [{ type: 'Alexa' }, false],
    [{ type: 'Slack', secrets }, true],
    [{ type: 'Zoom', secrets }, true],
    [{ type: 'Discord', secrets: publicKey }, true],
    [{ type: 'HMAC', secrets, hmac: byTime }, true],
    // As an operator of another version may have compiled it.
    [{ type: 'HMAC', secrets, hmac: { ...hmac, idHeader: 'X-Delivery' } }, false],
  ] as [Verification, boolean][])('%j; a signed time: %j', (verification, isTimed) => {
    const id = idOf(verification, [...unsigned, ...time], 'a=1')
    expect(id).toMatch(/^signed:/)
    const fixed = unsigned.filter(([name]) => name === 'content-type')
    expect(idOf(verification, [...others, ...time], 'a=1')).toBe(id)
    expect(idOf(verification, [...fixed, ...time], 'a=1')).toBe(id)
    expect(idOf(verification, [...unsigned, ...unsigned.slice(0, -1), ...time], 'a=1')).toBe(id)
    expect(idOf(verification, [...unsigned, ...time], 'a=2')).not.toBe(id)
    if (isTimed) expect(idOf(verification, [...unsigned, ...later], 'a=1')).not.toBe(id)
    else expect(idOf(verification, [...unsigned, ...later], 'a=1')).toBe(id)
  })

  test.each([
    { type: 'Twilio', secrets },
    { type: 'HMAC', secrets, hmac: { ...byTime, template: '{url} {timestamp} {body}' } },
  ] as Verification[])('%j: the URL is signed, too', (verification) => {
    const headers = [...unsigned, ...time]
    expect(idOf(verification, headers, 'a=1', 'https://a/c')).not.toBe(idOf(verification, headers, 'a=1'))
  })

  test('a signed text that is divided otherwise into URL and parameters is the same delivery', () => {
    const twilio = (url: string, body: string) => idOf({ type: 'Twilio', secrets }, unsigned, body, url)
    const id = twilio('https://a/b?x=1', 'Body=Hi')
    expect(twilio('https://a/b?x=1B', 'ody=Hi')).toBe(id)
    expect(twilio('https://a/b?x=1', 'BodyH=i')).toBe(id)
    const settings = { ...byTime, template: '{timestamp}{url}{body}' }
    const generic = (url: string, body: string) =>
      idOf({ type: 'HMAC', secrets, hmac: settings }, time, body, url)
    expect(generic('https://a/b?x=1', 'y=2')).toBe(generic('https://a/b?x=1y', '=2'))
  })

  test.each([
    [{ type: 'Stripe', secrets }, '{"id":1}'],
    [{ type: 'Stripe', secrets }, '{"id":""}'],
    [{ type: 'Stripe', secrets }, '\xff'],
    [{ type: 'PagerDuty', secrets }, '{"event":null}'],
  ])('%j with %s', (verification, body) => {
    expect(idOf(verification, [], body)).toMatch(/^signed:/)
  })
})

describe('where nothing of a request is signed, the header counts: whoever recorded the call has the token, too', () => {
  test.each([
    [{ type: 'GitLab', secrets }, [['idempotency-key', 'd2']], '', 'd2'],
    [{ type: 'GitLab', secrets }, [['x-gitlab-event-uuid', 'shared-by-events']], '', undefined],
    [
      { type: 'GitLab', secrets },
      [
        ['idempotency-key', 'a'],
        ['idempotency-key', 'b'],
      ],
      '',
      undefined,
    ],
    [{ type: 'GitLab', secrets }, [['idempotency-key', '']], '', undefined],
    [{ type: 'Twilio' }, [['i-twilio-idempotency-token', 'd7']], '', 'd7'],
    [
      { type: 'CloudEvents', cloudEvents },
      [
        ['ce-id', '1'],
        ['ce-source', '/a'],
      ],
      '',
      '["/a","1"]',
    ],
    [{ type: 'CloudEvents', cloudEvents }, [], '{"id":"1","source":"/a"}', '["/a","1"]'],
    [{ type: 'CloudEvents', cloudEvents }, [], '{"id":"1"}', undefined],
  ] as [Verification, Headers, string, string | undefined][])(
    '%j with %j and %s: %s',
    (verification, headers, body, id) => {
      expect(idOf(verification, headers, body)).toBe(id)
    },
  )

  test('a batch of events is known by its bytes', () => {
    const batch: Headers = [['content-type', 'application/cloudevents-batch+json']]
    const verification = { type: 'CloudEvents', cloudEvents }
    expect(idOf(verification, batch, '[]')).toMatch(/^signed:/)
    expect(idOf(verification, batch, '[{}]')).not.toBe(idOf(verification, batch, '[]'))
  })
})
