/**
 * Whatever is sent, a verifier gives an outcome: it does not throw, and lets nothing pass that was not signed
 * as it is.
 */
import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ReceivedCall } from '../../../ingress/http/received-call.ts'
import { parseTarget } from '../../../ingress/http/target.ts'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'
import type { VerifierCase } from '../../contract/verifier.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { CASES, VARIANTS } from './cases.ts'

const NOW = createManualClock().now()
const BASE = 'https://hooks.example.com'
const SAMPLE = Buffer.from('{"event":"order.paid"}')

// What verifiers look for, so that what is made gets past their first questions.
const NAMES = (
  'request timestamp context System Type Message MessageId Timestamp TopicArn Signature SignatureVersion SigningCertURL SubscribeURL ' +
  'Token value clientState type event challenge payload plainToken id __proto__ constructor toString hasOwnProperty'
).split(' ')
const TEXTS = (
  'Notification SubscriptionConfirmation 1 2 url_verification endpoint.url_validation 2026-01-01T00:00:00Z 1767225600 AAAA = __proto__ ' +
  'toString arn:aws:sns:eu-central-1:123456789012:orders https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem ' +
  'https://s3.amazonaws.com/echo.api/echo-api-cert.pem https://sns.eu-central-1.amazonaws.com/'
).split(' ')

const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(...TEXTS, null, true, 0, -1, 1e308, ''),
    fc.string(),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...NAMES), tie('json')), { maxLength: 10 }).map(Object.fromEntries),
  ),
}))
const bodies = fc.oneof(
  json.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(SAMPLE),
)
/** What the provider sends, with a few members of something else. */
function changed({ body }: VerifierCase): fc.Arbitrary<Buffer> {
  const text = (typeof body === 'function' ? body('current') : body)?.toString() ?? ''
  if (!text.startsWith('{')) return bodies
  const sent = JSON.parse(text) as object
  const member = fc.tuple(fc.constantFrom(...NAMES, ...Object.keys(sent)), json)
  return fc
    .array(member, { minLength: 1, maxLength: 3 })
    .map((members) => Buffer.from(JSON.stringify({ ...sent, ...Object.fromEntries(members) })))
}

/** As the parser of Node gives header values: bytes as Latin-1, without line breaks. */
const values = fc.oneof(
  fc.constantFrom(
    ...TEXTS,
    'Bearer a.b.c',
    'Bearer e30.e30.e30',
    'v1,AAAA v1a,AAAA',
    't=1,v1=00',
    'sha256=00',
  ),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) }),
)
const methods = fc.constantFrom('POST', 'GET', 'PUT', 'HEAD', 'OPTIONS', 'DELETE')
const queries = fc.constantFrom(
  '',
  '?',
  '?%',
  '?verify=a',
  '?hub.mode=subscribe',
  '?validationToken=%zz',
  '?a=b&a',
)

const headerNames = ({ checked }: VerifierCase): string[] => [
  ...new Set([...checked, 'authorization', 'timestamp', 'content-type', 'x-amz-sns-message-type', 'origin']),
]

describe.each(Object.entries({ ...CASES, ...VARIANTS }))('%s', (_, verifierCase) => {
  test('gives an outcome for anything, and never passes it', async () => {
    const { verification, deps = NOTHING_FETCHED, sign } = verifierCase
    const prepared = prepareVerification(verification, deps)
    const message = { body: SAMPLE, time: NOW, url: `${BASE}/webhooks/token`, signer: 'current' } as const
    const right = (await sign(message)).map(([, value]) => value)
    const header = fc.tuple(
      fc.constantFrom(...headerNames(verifierCase)),
      fc.oneof(values, ...(right.length > 0 ? [fc.constantFrom(...right)] : [])),
    )
    const property = fc.asyncProperty(
      methods,
      queries,
      fc.array(header, { maxLength: 6 }),
      fc.oneof(bodies, changed(verifierCase)),
      async (method, query, headers, body) => {
        const url = `/webhooks/token${query}`
        const request = new ReceivedCall({
          req: { method, rawHeaders: headers.flat() } as unknown as IncomingMessage,
          url,
          target: parseTarget(url),
          body,
          now: NOW,
          publicUrl: () => BASE,
        })
        const outcome = await prepared?.verify(request)
        expect(['reject', 'handshake', 'unavailable', 'pass']).toContain(outcome?.kind)
        // Who knows a token or the one body that was signed may pass by chance.
        if (verifierCase.coversBody !== false && !body.equals(SAMPLE)) expect(outcome?.kind).not.toBe('pass')
        prepared?.deliveryId?.(request)
      },
    )
    await fc.assert(property, { numRuns: 300 })
  })
})
