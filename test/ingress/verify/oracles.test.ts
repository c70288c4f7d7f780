/**
 * The providers' own libraries as oracles, and where there are none those that everybody uses: what the
 * signers of these tests make is taken by library and verifier, and refused by both when it was changed on
 * its way, or is a stranger's. So no wrong formula in a test can hide the same one in a verifier.
 */
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { verify as verifyGitHub } from '@octokit/webhooks-methods'
import verifyAlexa from 'alexa-verifier'
import { verifyKey as verifyDiscord } from 'discord-interactions'
import fc from 'fast-check'
import SNSValidator from 'sns-validator'
import { Webhook } from 'standardwebhooks'
import { Stripe } from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import twilio from 'twilio'
import { WhatsAppAPI } from 'whatsapp-api-js'
import { ReceivedCall } from '../../../ingress/http/received-call.ts'
import { parseTarget } from '../../../ingress/http/target.ts'
import { prepareVerification } from '../../../ingress/verify/registry.ts'
import type { VerificationOutcome } from '../../../ingress/verify/verifier.ts'
import { NOTHING_FETCHED } from '../../../ingress/verify/verifier.ts'
import type { Message, VerifierCase } from '../../contract/verifier.ts'
import { createCertificate, ecKeys } from '../../support/certificates.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { startOrigin } from '../../support/origin.ts'
import type { Origin } from '../../support/origin.ts'
import { CASES, parametersOf, VARIANTS } from './cases.ts'
import { confirmation, DOCUMENTS, notification, TOPIC } from './public-key-cases.ts'

const NOW = createManualClock().now()
const BASE = 'https://hooks.example.com'
const DAY = 86_400_000

/** A request as the provider's library is given it. */
interface Arrived {
  headers: Record<string, string>
  text: string
  url: string
}

interface Oracle {
  of: VerifierCase
  /** Whether the library takes it; throwing is refusing. */
  takes(arrived: Arrived): unknown
  /** What such a provider sends, signed where it is the body that is. */
  texts: fc.Arbitrary<string>
  /** What a stranger sends, where it is the body that is signed. */
  ofStranger?: fc.Arbitrary<string>
  /** A changed text. Left out: with one character more, or another. */
  changed?: (text: string) => fc.Arbitrary<string>
  /** Milliseconds, where the library looks at the time as well: what is older is refused by both. */
  oldest?: number
  /** The text with that time, where the time is in it. */
  at?: (text: string, time: number) => string
}

const json = fc
  .dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue(), { maxKeys: 4 })
  .map((value) => JSON.stringify(value))
/** Meta signs what it sends, and that holds no other character than those of ASCII. */
const escaped = json.map((text) =>
  text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`),
)
const forms = fc
  .array(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' })), {
    maxLength: 5,
  })
  .map((pairs) => new URLSearchParams(pairs).toString())

const more = (text: string) => fc.constantFrom(`${text} `, ` ${text}`, `${text}x`)
const other = (text: string) =>
  fc.nat({ max: Math.max(0, text.length - 1) }).map((at) => {
    const character = text[at] === 'x' ? 'y' : 'x'
    return text.slice(0, at) + character + text.slice(at + 1)
  })
const changedText = (text: string) =>
  fc.oneof(more(text), other(text)).filter((changed) => changed !== text && isWhole(changed))
/** Half a character can't be sent. */
const isWhole = (text: string): boolean => Buffer.from(text).toString() === text

const secretOf = ({ verification }: VerifierCase): string => verification.secrets?.[0] ?? ''
const variant = (name: string): VerifierCase => {
  const found = VARIANTS[name]
  if (found === undefined) throw new Error(`no variant ${name}`)
  return found
}

const versions = fc.constantFrom('1' as const, '2' as const)
const words = fc.string({ unit: 'grapheme', minLength: 1 })
const snsNotifications = (signer: Message['signer']) =>
  fc
    .tuple(fc.record({ Message: words, Subject: words }), versions)
    .map(([members, version]) => JSON.stringify(notification(signer, members, version)))
const snsConfirmations = (signer: Message['signer']) =>
  fc
    .tuple(fc.stringMatching(/^[0-9a-f]{32}$/), versions)
    .map(([token, version]) => JSON.stringify(confirmation(signer, token, version)))
const changedMember =
  (...names: string[]) =>
  (text: string) => {
    const members = JSON.parse(text) as Record<string, string>
    return fc
      .constantFrom(...names)
      .map((name) => JSON.stringify({ ...members, [name]: `${members[name]}0` }))
  }
const takenBySNSValidator = ({ text }: Arrived): Promise<boolean> =>
  new Promise((resolve) => new SNSValidator().validate(text, (error) => resolve(error === null)))

const alexaText = (time: number, said: string): string =>
  JSON.stringify({ request: { requestId: '1', timestamp: new Date(time).toISOString(), said } })

const ORACLES: Record<string, Oracle> = {
  'GitHub by @octokit/webhooks-methods': {
    of: CASES.GitHub,
    takes: ({ headers, text }) =>
      verifyGitHub(secretOf(CASES.GitHub), text, headers['x-hub-signature-256'] ?? ''),
    texts: json,
  },
  'Facebook by whatsapp-api-js': {
    of: CASES.Facebook,
    takes: ({ headers, text }) =>
      whatsApp().verifyRequestSignature(text, headers['x-hub-signature-256'] ?? ''),
    texts: escaped,
  },
  'Stripe by stripe': {
    of: CASES.Stripe,
    takes: ({ headers, text }) =>
      Stripe.webhooks.constructEvent(text, headers['stripe-signature'] ?? '', secretOf(CASES.Stripe)),
    texts: json,
    oldest: 300_000,
  },
  'StandardWebhooks by standardwebhooks': {
    of: CASES.StandardWebhooks,
    takes: ({ headers, text }) => new Webhook(secretOf(CASES.StandardWebhooks)).verify(text, headers),
    texts: json,
    oldest: 300_000,
  },
  'StandardWebhooks by svix': {
    of: variant('StandardWebhooks with the names of Svix'),
    takes: ({ headers, text }) => new SvixWebhook(secretOf(CASES.StandardWebhooks)).verify(text, headers),
    texts: json,
    oldest: 300_000,
  },
  'GitLab with a signing token by standardwebhooks': {
    of: variant('GitLab with a signing token'),
    takes: ({ headers, text }) => new Webhook(secretOf(CASES.StandardWebhooks)).verify(text, headers),
    texts: json,
    oldest: 300_000,
  },
  'Twilio by twilio': {
    of: CASES.Twilio,
    takes: ({ headers, text, url }) =>
      twilio.validateRequest(
        secretOf(CASES.Twilio),
        headers['x-twilio-signature'] ?? '',
        url,
        parametersOf(text),
      ),
    texts: forms,
    // Any other change may be one of how the same parameters are written.
    changed: (text) => fc.constantFrom(`${text}x`, `${text}&more=x`),
  },
  'Discord by discord-interactions': {
    of: CASES.Discord,
    takes: ({ headers, text }) =>
      verifyDiscord(
        text,
        headers['x-signature-ed25519'] ?? '',
        headers['x-signature-timestamp'] ?? '',
        secretOf(CASES.Discord),
      ),
    texts: json,
  },
  'SNS by sns-validator': {
    of: CASES.SNS,
    takes: takenBySNSValidator,
    texts: snsNotifications('current'),
    ofStranger: snsNotifications('stranger'),
    changed: changedMember('Message', 'MessageId', 'Subject', 'Timestamp'),
  },
  'SNS, confirmations that a workflow gets, by sns-validator': {
    of: {
      ...CASES.SNS,
      verification: { ...CASES.SNS.verification, sns: { topicARNs: [TOPIC], confirm: false } },
    },
    takes: takenBySNSValidator,
    texts: snsConfirmations('current'),
    ofStranger: snsConfirmations('stranger'),
    changed: changedMember('Message', 'MessageId', 'Timestamp', 'Token', 'SubscribeURL'),
  },
  'Alexa by alexa-verifier': {
    of: CASES.Alexa,
    takes: ({ headers, text }) =>
      verifyAlexa(headers['signaturecertchainurl'] ?? '', headers['signature-256'] ?? '', text).then(
        () => true,
      ),
    texts: fc.string({ unit: 'grapheme' }).map((said) => alexaText(NOW, said)),
    oldest: 150_000,
    at: (text, time) => alexaText(time, text),
  },
}

const whatsApp = (): WhatsAppAPI =>
  new WhatsAppAPI({
    token: 'token',
    appSecret: secretOf(CASES.Facebook),
    webhookVerifyToken: 'verify-token',
    v: 'v24.0',
  })

let amazon: Origin
const usual = https.globalAgent
beforeAll(async () => {
  // The libraries take the time of day from nowhere else.
  jest.useFakeTimers({
    now: NOW,
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  })
  amazon = await serveDocuments()
})
afterAll(async () => {
  https.globalAgent = usual
  jest.useRealTimers()
  await amazon?.close()
})

/** Stands for Amazon's servers, whatever their names: the libraries ask them over Node's own agent. */
async function serveDocuments(): Promise<Origin> {
  const certificate = createCertificate({
    subject: 'Amazon',
    keys: ecKeys(),
    // Real time: TLS knows no other.
    validFrom: performance.timeOrigin - DAY,
    validTo: performance.timeOrigin + DAY,
    dnsNames: Object.keys(DOCUMENTS).map((url) => new URL(url).hostname),
  })
  const origin = await startOrigin(certificate)
  for (const [url, text] of Object.entries(DOCUMENTS)) origin.serve(new URL(url).pathname, text)
  const agent = new https.Agent()
  agent.createConnection = ({ servername }) =>
    connect({ host: '127.0.0.1', port: Number(new URL(origin.url).port), ca: certificate.pem, servername })
  https.globalAgent = agent
  return origin
}

describe.each(Object.entries(ORACLES))('%s', (_, oracle) => {
  const { of: verifierCase, texts, changed = changedText, ofStranger = texts } = oracle
  const { verification, deps = NOTHING_FETCHED, rest = '' } = verifierCase
  const prepared = prepareVerification(verification, deps)
  const target = `/webhooks/token${rest}`
  const offsets = fc.integer({ min: -(oracle.oldest ?? 300_000) + 1_000, max: 0 })

  async function sign(text: string, change: Partial<Message> = {}): Promise<Arrived> {
    const message = { body: Buffer.from(text), time: NOW, url: BASE + target, signer: 'current' } as const
    const headers = await verifierCase.sign({ ...message, ...change })
    return { headers: Object.fromEntries(headers), text, url: BASE + target }
  }

  async function verdicts(arrived: Arrived): Promise<{ library: boolean; verifier: boolean }> {
    const outcome = await prepared?.verify(received('POST', target, arrived))
    return { library: await taken(arrived), verifier: outcome?.kind === 'pass' }
  }

  async function taken(arrived: Arrived): Promise<boolean> {
    try {
      return (await oracle.takes(arrived)) !== false
    } catch {
      return false
    }
  }

  const BOTH = { library: true, verifier: true }
  const NEITHER = { library: false, verifier: false }
  const runs = { numRuns: 100 }

  test('both take what is signed', async () => {
    const property = fc.asyncProperty(texts, offsets, async (text, offset) => {
      expect(await verdicts(await sign(text, { time: NOW + offset }))).toEqual(BOTH)
      // By the published formula, where the library would sign otherwise.
      const timeText = String(Math.floor((NOW + offset) / 1000))
      expect(await verdicts(await sign(text, { timeText }))).toEqual(BOTH)
    })
    await fc.assert(property, runs)
  })

  test('both refuse what was changed since', async () => {
    const pairs = texts.chain((text) => changed(text).map((now) => [text, now] as const))
    const property = fc.asyncProperty(pairs, async ([text, now]) => {
      expect(await verdicts({ ...(await sign(text)), text: now })).toEqual(NEITHER)
    })
    await fc.assert(property, runs)
  })

  test('both refuse what a stranger signs', async () => {
    const property = fc.asyncProperty(ofStranger, async (text) => {
      expect(await verdicts(await sign(text, { signer: 'stranger' }))).toEqual(NEITHER)
    })
    await fc.assert(property, runs)
  })

  const { oldest, at = (text) => text } = oracle
  if (oldest !== undefined)
    test('both refuse what is too old', async () => {
      const ages = fc.integer({ min: oldest + 1_000, max: oldest + DAY })
      const property = fc.asyncProperty(texts, ages, async (text, age) => {
        const time = NOW - age
        expect(await verdicts(await sign(at(text, time), { time }))).toEqual(NEITHER)
      })
      await fc.assert(property, runs)
    })
})

test('the handshake of Facebook is answered as whatsapp-api-js does', async () => {
  const prepared = prepareVerification(CASES.Facebook.verification, NOTHING_FETCHED)
  const handshakes = fc.record({
    'hub.mode': fc.constantFrom('subscribe', 'unsubscribe'),
    'hub.verify_token': fc.constantFrom('verify-token', 'Verify-token', 'verify-token ', 'x'),
    'hub.challenge': fc.string({ unit: 'grapheme', minLength: 1 }),
  })
  const property = fc.asyncProperty(handshakes, async (parameters) => {
    const target = `/webhooks/token?${new URLSearchParams(parameters).toString()}`
    const outcome = await prepared?.verify(received('GET', target, { headers: {}, text: '' }))
    expect(outcome).toMatchObject(theirAnswer(parameters))
  })
  await fc.assert(property)
})

type Parameters = Record<'hub.mode' | 'hub.verify_token' | 'hub.challenge', string>

function theirAnswer(parameters: Parameters): Partial<VerificationOutcome> {
  try {
    // Its type says that there is no other mode.
    const body = whatsApp().get({ ...parameters, 'hub.mode': parameters['hub.mode'] as 'subscribe' })
    return { kind: 'handshake', status: 200, body }
  } catch {
    return { kind: 'reject', status: 403 }
  }
}

function received(method: string, target: string, { headers, text }: Omit<Arrived, 'url'>): ReceivedCall {
  return new ReceivedCall({
    req: { method, rawHeaders: Object.entries(headers).flat() } as unknown as IncomingMessage,
    url: target,
    target: parseTarget(target),
    body: Buffer.from(text),
    now: NOW,
    publicUrl: () => BASE,
  })
}
