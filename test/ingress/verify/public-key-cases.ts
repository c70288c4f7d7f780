/** The cases of those verifiers that check public keys: certificates and keys are made here. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Verification } from '../../../ingress/route.ts'
import { OutboundError } from '../../../ingress/verify/outbound/client.ts'
import { createOutbound } from '../../../ingress/verify/outbound/outbound.ts'
import type { VerifierDeps } from '../../../ingress/verify/verifier.ts'
import type { Message, VerifierCase } from '../../contract/verifier.ts'
import { createCertificate, ecKeys, rsaKeys } from '../../support/certificates.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { signedAsSNS } from './sns-signer.ts'
import type { Members } from './sns-signer.ts'

type Signer = Message['signer']

/** What the suite's clock shows. */
const NOW = createManualClock().now()
const DAY = 86_400_000
const VALIDITY = { validFrom: NOW - DAY, validTo: NOW + DAY }

const root = createCertificate({ subject: 'Root', keys: rsaKeys(), ca: true, ...VALIDITY })
const signing = createCertificate({
  subject: 'Signing',
  issuer: root,
  keys: rsaKeys(),
  dnsNames: ['echo-api.amazon.com'],
  ...VALIDITY,
})
const stranger = rsaKeys()

const rsaKeyOf = (signer: Signer): KeyObject =>
  signer === 'current' ? signing.keys.privateKey : stranger.privateKey

/** Reads documents that are there by their URL. */
function documentsAt(documents: Record<string, string>): VerifierDeps {
  return createOutbound({
    now: () => NOW,
    roots: () => [root.pem],
    get(url) {
      const text = documents[url.href]
      const missing = new OutboundError('there is nothing', { definite: true })
      return text === undefined ? Promise.reject(missing) : Promise.resolve(Buffer.from(text))
    },
  })
}

const CHAIN_URL = 'https://s3.amazonaws.com/echo.api/echo-api-cert.pem'

export const ALEXA: VerifierCase = {
  verification: { type: 'Alexa', toleranceMs: 300_000 },
  secrets: [],
  checked: ['signature-256', 'signaturecertchainurl'],
  refusedWith: 400,
  // The time is the body's, so that tests of their own show how old it may be.
  body: Buffer.from('{"request":{"requestId":"1","timestamp":"2026-01-01T00:00:00Z","text":"für 5 €"}}'),
  alsoPass: [Buffer.from('\r\n {"request" :\t{"timestamp":\n"2025-12-31T23:59:00.000Z" }, "more":[ ]}  \n')],
  deps: documentsAt({ [CHAIN_URL]: signing.pem }),
  sign: ({ body, signer }) => [
    ['signature-256', sign('sha256', body, rsaKeyOf(signer)).toString('base64')],
    ['signaturecertchainurl', CHAIN_URL],
  ],
}

export const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:orders'
const CERTIFICATE_URL = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem'

/** A notification, with these members changed. */
export function notification(signer: Signer, members: Members = {}, version: '1' | '2' = '2'): Members {
  const signed = {
    Message: 'für 5 €\nMessageId\n2',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    Subject: 'Order paid',
    Timestamp: '2026-01-01T00:00:00.000Z',
    TopicArn: TOPIC,
    Type: 'Notification',
    ...members,
  }
  return signedAsSNS(signed, { version, key: rsaKeyOf(signer), url: CERTIFICATE_URL })
}

/** What asks for the confirmation of a subscription. */
export function confirmation(signer: Signer, token: string, version: '1' | '2'): Members {
  const query = new URLSearchParams({ Action: 'ConfirmSubscription', TopicArn: TOPIC, Token: token })
  const SubscribeURL = `${new URL(CERTIFICATE_URL).origin}/?${query.toString()}`
  const members = { Type: 'SubscriptionConfirmation', Subject: undefined, Token: token, SubscribeURL }
  return notification(signer, members, version)
}

/** What is read for Alexa and SNS, by its URL. */
export const DOCUMENTS: Record<string, string> = { [CHAIN_URL]: signing.pem, [CERTIFICATE_URL]: signing.pem }

export const SNS: VerifierCase = {
  verification: { type: 'SNS', toleranceMs: 300_000, sns: { topicARNs: [TOPIC], confirm: true } },
  secrets: [],
  checked: [],
  // Signed are members of the body and not its bytes: tests of their own change each of them.
  coversBody: false,
  body: (signer) => Buffer.from(JSON.stringify(notification(signer))),
  alsoPass: [Buffer.from(`\n${JSON.stringify(notification('current'), undefined, '\t')}\r\n`)],
  deps: documentsAt({ [CERTIFICATE_URL]: signing.pem }),
  sign: () => [],
}

const ed25519 = {
  current: generateKeyPairSync('ed25519'),
  next: generateKeyPairSync('ed25519'),
  stranger: generateKeyPairSync('ed25519'),
}
const hexKey = (signer: Signer): string =>
  ed25519[signer].publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')

export const DISCORD: VerifierCase = {
  verification: { type: 'Discord', secrets: [hexKey('current')], toleranceMs: 300_000 },
  rotated: {
    type: 'Discord',
    secrets: [hexKey('next'), hexKey('current').toUpperCase()],
    toleranceMs: 300_000,
  },
  secrets: [],
  checked: ['x-signature-ed25519', 'x-signature-timestamp'],
  tolerance: { pastMs: 300_000, futureMs: 300_000 },
  sign({ body, signer, time, timeText = String(Math.floor(time / 1000)) }) {
    const signed = Buffer.concat([Buffer.from(timeText), body])
    return [
      ['x-signature-timestamp', timeText],
      ['x-signature-ed25519', sign(null, signed, ed25519[signer].privateKey).toString('hex')],
    ]
  },
}

const ISSUER = { issuer: 'https://issuer.example.com', audiences: ['orders'], clockSkewMs: 30_000 }

/** A compact JWS whose claims are right; `signature` makes its last part. */
function bearer(header: object, signature: (text: string) => string): [string, string][] {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = { iss: ISSUER.issuer, aud: 'orders', exp: NOW / 1000 + 60 }
  const text = `${encode(header)}.${encode(claims)}`
  return [['authorization', `Bearer ${text}.${signature(text)}`]]
}

function jwtCase(
  of: (...signers: Signer[]) => Omit<Verification, 'type' | 'jwt'> & { jwt?: object },
  token: (signer: Signer) => [string, string][],
): VerifierCase {
  const verification = (...signers: Signer[]): Verification => {
    const { jwt, ...rest } = of(...signers)
    return { type: 'JWT', ...rest, jwt: { ...ISSUER, ...jwt } }
  }
  return {
    verification: verification('current'),
    rotated: verification('next', 'current'),
    secrets: [],
    checked: ['authorization'],
    coversBody: false,
    sign: ({ signer }) => token(signer),
  }
}

const SHARED: Record<Signer, string> = {
  current: 'a-shared-secret-of-more-than-32-bytes',
  next: 'the-next-shared-secret-of-more-than-32-bytes',
  stranger: 'a-shared-secret-that-nobody-knows-here',
}

export const JWT: VerifierCase = {
  ...jwtCase(
    (...signers) => ({ secrets: signers.map((signer) => SHARED[signer]) }),
    (signer) =>
      bearer({ alg: 'HS256', typ: 'JWT' }, (text) =>
        createHmac('sha256', SHARED[signer]).update(text).digest('base64url'),
      ),
  ),
  secrets: Object.values(SHARED),
}

const rsa: Record<Signer, KeyObject> = {
  current: signing.keys.privateKey,
  next: root.keys.privateKey,
  stranger: stranger.privateKey,
}
const rsaPublic: Record<Signer, KeyObject> = {
  current: signing.keys.publicKey,
  next: root.keys.publicKey,
  stranger: stranger.publicKey,
}

export const JWT_WITH_PUBLIC_KEYS = jwtCase(
  (...signers) => ({
    jwt: {
      publicKeys: signers.map((signer) => rsaPublic[signer].export({ format: 'pem', type: 'spki' })),
    },
  }),
  (signer) =>
    bearer({ alg: 'RS256' }, (text) => sign('sha256', Buffer.from(text), rsa[signer]).toString('base64url')),
)

const ec = { current: ecKeys(), next: ecKeys(), stranger: ecKeys() }
const jwk = (signer: 'current' | 'next') => ({
  ...ec[signer].publicKey.export({ format: 'jwk' }),
  kid: signer,
})
const setURL = (signers: Signer[]): string => `https://issuer.example.com/${signers.join('-')}.json`

export const JWT_WITH_KEY_SET: VerifierCase = {
  ...jwtCase(
    (...signers) => ({ jwt: { jwksURL: setURL(signers) } }),
    (signer) =>
      bearer({ alg: 'ES256', kid: signer === 'stranger' ? 'current' : signer }, (text) =>
        sign('sha256', Buffer.from(text), {
          key: ec[signer].privateKey,
          dsaEncoding: 'ieee-p1363',
        }).toString('base64url'),
      ),
  ),
  deps: documentsAt({
    [setURL(['current'])]: JSON.stringify({ keys: [jwk('current')] }),
    [setURL(['next', 'current'])]: JSON.stringify({ keys: [jwk('next'), jwk('current')] }),
  }),
}
