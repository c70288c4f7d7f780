/**
 * What providers publish, on their pages or in the tests of their own libraries, in whatever language these
 * are: a secret, a request, and the signature it must have.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { Verification } from '../../../ingress/route.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'

interface Vector {
  verification: Verification
  headers: Record<string, string>
  body: string
  /** Seconds since 1970. */
  now?: number
  url?: string
}

const VECTORS: Record<string, Vector> = {
  'GitHub, "Validating webhook deliveries"': {
    verification: { type: 'GitHub', secrets: ["It's a Secret to Everybody"] },
    headers: {
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    },
    body: 'Hello, World!',
  },
  'Slack, "Verifying requests from Slack"': {
    verification: { type: 'Slack', secrets: ['8f742231b10e8888abcd99yyyzzz85a5'] },
    headers: {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    },
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    now: 1_531_420_618,
  },
  'Standard Webhooks, the reference libraries': {
    verification: { type: 'StandardWebhooks', secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'] },
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
    body: '{"test": 2432232314}',
    now: 1_614_265_330,
  },
  'Twilio, "Webhooks security"': {
    verification: { type: 'Twilio', secrets: ['12345'] },
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': 'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
    },
    body: 'CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212',
    url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
  },
  'Fitbit, "Validate notifications"': {
    verification: { type: 'Fitbit', code: 'code', secrets: ['123ab4567c890d123e4567f8abcdef9a'] },
    headers: { 'x-fitbit-signature': 'Oyv+HBziS4dH/fHJ735cToXX6vs=' },
    body: `[
  {
    "collectionType": "foods",
    "date": "2020-06-01",
    "ownerId": "228S74",
    "ownerType": "user",
    "subscriptionId": "1234"
  }
]`,
  },
  'Square, "Verify and validate an event notification"': {
    verification: { type: 'Square', secrets: ['asdf1234'] },
    headers: { 'x-square-hmacsha256-signature': '2kRE5qRU2tR+tBGlDwMEw2avJ7QM4ikPYD/PJ3bd9Og=' },
    body: '{"hello":"world"}',
    url: 'https://example.com/webhook',
  },
  'PagerDuty, its library for Go': {
    verification: {
      type: 'PagerDuty',
      secrets: ['lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK'],
    },
    headers: {
      'x-pagerduty-signature': 'v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd',
    },
    body: readFileSync(new URL('pagerduty-event.txt', import.meta.url), 'utf8'),
  },
  'Shopify, its library for PHP': {
    verification: { type: 'Shopify', secrets: ['steffi'] },
    headers: { 'x-shopify-hmac-sha256': '/Redz4YXHLnSmmSN8grr5/Jl/Ua3d7yX3iWbjb8R8wo=' },
    body: '{"foo":"bar"}',
  },
  'X, its library for Node': {
    verification: { type: 'X', secrets: ['test'] },
    headers: { 'x-twitter-webhooks-signature': 'sha256=YWHphPn/JFq43jkF0y4/w8R/SelmLjvpunhVFY8JhlI=' },
    body: '{"test_number":1,"test_string":"two"}',
  },
}

function requestOf({ headers, body, now = 0, url }: Vector): VerificationRequest {
  return {
    method: 'POST',
    rest: '',
    query: url?.split('?')[1] ?? '',
    header: (name) => {
      const value = headers[name]
      return value === undefined ? [] : [value]
    },
    body: Buffer.from(body),
    now: now * 1000,
    url: () => url,
  }
}

test.each(Object.entries(VECTORS))('%s', async (_, vector) => {
  const prepared = prepareVerification(vector.verification, NOTHING_FETCHED)
  expect(await prepared?.verify(requestOf(vector))).toEqual({ kind: 'pass' })
  const changed = requestOf({ ...vector, body: `${vector.body} ` })
  expect(await prepared?.verify(changed)).toMatchObject({ kind: 'reject' })
})
