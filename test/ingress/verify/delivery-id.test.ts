/** By what a repeated delivery is known. */
import { expect, test } from '@jest/globals'
import type { Verification } from '../../../ingress/route.ts'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'

const secrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']
const cloudEvents = { allowedOrigins: ['*'], allowedRate: 1, accessTokenInQuery: false }
const hmac = {
  header: 'X-Signature',
  algorithm: 'SHA256',
  encoding: 'Hex',
  prefix: '',
  template: '{body}',
  timestampFormat: 'UnixSeconds',
  idHeader: 'X-Delivery',
  keyEncoding: 'Text',
} as const

function idOf(verification: Verification, headers: [string, string][], body = ''): string | undefined {
  const request: VerificationRequest = {
    method: 'POST',
    rest: '',
    query: '',
    header: (name) => headers.filter(([candidate]) => candidate === name).map(([, value]) => value),
    body: Buffer.from(body),
    now: 0,
    url: () => undefined,
  }
  return prepareVerification(verification, NOTHING_FETCHED)?.deliveryId?.(request)
}

test.each([
  [{ type: 'GitHub', secrets }, [['x-github-delivery', 'd1']], '', 'd1'],
  [{ type: 'GitLab', secrets }, [['idempotency-key', 'd2']], '', 'd2'],
  [{ type: 'GitLab', secrets, gitlab: { mode: 'Signature' } }, [['webhook-id', 'd3']], '', 'd3'],
  [{ type: 'Stripe', secrets }, [], '{"id":"evt_1","object":"event"}', 'evt_1'],
  [{ type: 'Slack', secrets }, [], '{"type":"event_callback","event_id":"Ev1"}', 'Ev1'],
  [{ type: 'Slack', secrets }, [], 'command=%2Fdeploy&text=', undefined],
  [{ type: 'Shopify', secrets }, [['x-shopify-webhook-id', 'd4']], '', 'd4'],
  [{ type: 'StandardWebhooks', secrets }, [['webhook-id', 'd5']], '', 'd5'],
  [{ type: 'StandardWebhooks', secrets }, [['svix-id', 'd6']], '', 'd6'],
  [{ type: 'Twilio', secrets }, [['i-twilio-idempotency-token', 'd7']], '', 'd7'],
  [{ type: 'HMAC', secrets, hmac }, [['x-delivery', 'd8']], '', 'd8'],
  [
    { type: 'CloudEvents', cloudEvents },
    [
      ['ce-id', '1'],
      ['ce-source', '/a'],
    ],
    '',
    '["/a","1"]',
  ],
  [{ type: 'Square', secrets }, [], '{"event_id":"e1"}', 'e1'],
  [{ type: 'PagerDuty', secrets }, [], '{"event":{"id":"e2"}}', 'e2'],
  [{ type: 'PagerDuty', secrets }, [], '{"event":null}', undefined],
  [{ type: 'CloudEvents', cloudEvents }, [], '{"id":"1","source":"/a"}', '["/a","1"]'],
  [{ type: 'CloudEvents', cloudEvents }, [], '[{"id":"1","source":"/a"}]', undefined],
  [{ type: 'Stripe', secrets }, [], '{"id":1}', undefined],
  [{ type: 'Stripe', secrets }, [], '\xff', undefined],
  [{ type: 'GitHub', secrets }, [], '', undefined],
  [{ type: 'GitHub', secrets }, [['x-github-delivery', '']], '', undefined],
  [
    { type: 'GitHub', secrets },
    [
      ['x-github-delivery', 'a'],
      ['x-github-delivery', 'b'],
    ],
    '',
    undefined,
  ],
] as [Verification, [string, string][], string, string | undefined][])(
  '%j with %j and %s: %s',
  (verification, headers, body, id) => {
    expect(idOf(verification, headers, body)).toBe(id)
  },
)
