/** Whatever a request holds, no verifier throws, and none passes what nobody signed. */
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'
import { CASES, VARIANTS } from './cases.ts'

/** Texts that come near to what is looked for. */
const near = fc.constantFrom(
  '',
  'sha256=',
  'v0=',
  `v1=${'0'.repeat(64)}`,
  `sha256=${'a'.repeat(64)}`,
  `t=1767225600,v1=${'0'.repeat(64)}`,
  `v1,${'A'.repeat(43)}=`,
  `v1a,${'A'.repeat(86)}==`,
  `${'A'.repeat(27)}=`,
  `${'A'.repeat(43)}=`,
  '0'.repeat(128),
  '1767225600',
  'Bearer eyJhbGciOiJub25lIn0.e30.',
  'application/x-www-form-urlencoded',
  'https://s3.amazonaws.com/echo.api/x.pem',
)
const text = fc.oneof(near, fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ maxLength: 40 }))
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((json) => Buffer.from(json)),
  fc
    .record({
      type: text,
      Type: text,
      request: fc.jsonValue(),
      value: fc.array(fc.jsonValue()),
      payload: fc.jsonValue(),
    })
    .map((members) => Buffer.from(JSON.stringify(members))),
  fc
    .constantFrom('[', '{', '{"value":[null]}', '['.repeat(20_000), '{"__proto__":{"clientState":1}}')
    .map((json) => Buffer.from(json)),
)
const queries = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc
    .constantFrom(
      'hub.mode',
      'hub.verify_token',
      'hub.challenge',
      'verify',
      'crc_token',
      'challenge',
      'validationToken',
      'bodySHA256',
    )
    .chain((name) => text.map((value) => `${name}=${value}`)),
)
const NAMES = [
  ...new Set(Object.values({ ...CASES, ...VARIANTS }).flatMap(({ checked }) => checked)),
  'content-type',
]
const headers = fc.dictionary(fc.constantFrom(...NAMES), fc.array(text, { minLength: 1, maxLength: 3 }))

const requests = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'HEAD', 'M-SEARCH'),
    rest: fc.constantFrom('', '/', '/a%2'),
    query: queries,
    headers,
    body: bodies,
    now: fc.constantFrom(0, 1_767_225_600_000, Number.MAX_SAFE_INTEGER),
  })
  .map(({ headers: lines, ...rest }): VerificationRequest => ({
    ...rest,
    header: (name) => lines[name] ?? [],
    url: () => 'https://hooks.example.com/x',
  }))

test.each(Object.entries({ ...CASES, ...VARIANTS }))('%s', async (_, { verification }) => {
  const prepared = prepareVerification(verification, NOTHING_FETCHED)
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      const outcome = await prepared?.verify(request)
      expect(['reject', 'handshake', 'unavailable']).toContain(outcome?.kind)
      prepared?.deliveryId?.(request)
    }),
    { numRuns: 500 },
  )
})
