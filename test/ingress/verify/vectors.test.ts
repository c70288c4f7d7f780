/** What providers publish: a secret, a request, and the signature it must have. */
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
