import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { VerificationRequest } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'

const NOW = Date.UTC(2026, 0, 1)
const SECONDS = String(NOW / 1000)
const BODY = '{"type":"invoice.paid"}'
const pair = generateKeyPairSync('ed25519')
const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
const WHPK = `whpk_${publicKey.toString('base64')}`
const BYTES = Buffer.alloc(24, 1)
const WHSEC = `whsec_${BYTES.toString('base64')}`

const v1 = (id: string, key: Buffer = BYTES): string =>
  `v1,${createHmac('sha256', key).update(`${id}.${SECONDS}.${BODY}`).digest('base64')}`
const v1a = (id: string): string =>
  `v1a,${sign(null, Buffer.from(`${id}.${SECONDS}.${BODY}`), pair.privateKey).toString('base64')}`

function verify(secrets: string[], headers: Record<string, string>) {
  const request: VerificationRequest = {
    method: 'POST',
    rest: '',
    query: '',
    header: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    body: Buffer.from(BODY),
    now: NOW,
    url: () => undefined,
  }
  return prepareVerification({ type: 'StandardWebhooks', secrets }, NOTHING_FETCHED)?.verify(request)
}

const webhook = (signature: string, id = 'msg_1') => ({
  'webhook-id': id,
  'webhook-timestamp': SECONDS,
  'webhook-signature': signature,
})
const pass = { kind: 'pass' }

describe('a list of signatures', () => {
  test.each([
    `${v1('other')} ${v1('msg_1')}`,
    `v2,whatever v1,short ${v1('msg_1')}`,
    `${v1a('msg_1')} ${v1('other')}`,
    `${v1('msg_1')}  ${v1('msg_1')}`,
  ])('passes with one that fits: %s', (line) => expect(verify([WHSEC, WHPK], webhook(line))).toEqual(pass))

  test('of very many Ed25519 signatures the first few are tried', () => {
    const many = Array.from({ length: 10 }, () => v1a('other')).join(' ')
    expect(verify([WHPK], webhook(`${many} ${v1a('msg_1')}`))).toMatchObject({ kind: 'reject' })
  })
})

test('a public key is never the secret of an HMAC, nor a secret a public key', () => {
  expect(verify([WHPK], webhook(v1('msg_1', publicKey)))).toMatchObject({ kind: 'reject' })
  expect(verify([WHPK], webhook(v1('msg_1', Buffer.from(WHPK))))).toMatchObject({ kind: 'reject' })
  expect(verify([WHSEC], webhook(v1a('msg_1')))).toMatchObject({ kind: 'reject' })
})

test('an id with a dot is refused, though it is signed: it could be an id and a part of the time', () => {
  expect(verify([WHSEC], webhook(v1('msg.1'), 'msg.1'))).toEqual({
    kind: 'reject',
    reason: 'HeaderMalformed',
  })
})

test('headers of the two names are not mixed', () => {
  const { 'webhook-signature': signature, ...rest } = webhook(v1('msg_1'))
  expect(verify([WHSEC], { ...rest, 'svix-signature': signature })).toMatchObject({ kind: 'reject' })
  const svix = { 'svix-id': 'msg_1', 'svix-timestamp': SECONDS, 'svix-signature': signature }
  expect(verify([WHSEC], svix)).toEqual(pass)
  expect(verify([WHSEC], { ...svix, 'webhook-signature': v1('other') })).toMatchObject({ kind: 'reject' })
})

test('a secret without its prefix is base64 all the same', () => {
  expect(verify([BYTES.toString('base64')], webhook(v1('msg_1')))).toEqual(pass)
})
