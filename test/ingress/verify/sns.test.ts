/** Amazon SNS over real HTTP on both sides: signed messages, certificates and confirmations. */
import type { KeyObject } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Verification } from '../../../ingress/route.ts'
import { createGuardedGet } from '../../../ingress/verify/outbound/client.ts'
import { createOutbound } from '../../../ingress/verify/outbound/outbound.ts'
import { createCertificate, ecKeys, rsaKeys } from '../../support/certificates.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import type { ManualClock } from '../../support/manual-clock.ts'
import { startOrigin } from '../../support/origin.ts'
import type { Origin } from '../../support/origin.ts'
import { send } from '../send.ts'
import { createSites } from '../site.ts'
import type { Site } from '../site.ts'
import { routeOf } from '../support.ts'
import { signedAsSNS } from './sns-signer.ts'
import type { Members } from './sns-signer.ts'

const NOW = createManualClock().now()
const DAY = 86_400_000
const HOUR = 3_600_000
const VALIDITY = { validFrom: NOW - DAY, validTo: NOW + DAY }
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:orders'
const HOST = 'sns.eu-central-1.amazonaws.com'
const PATH = '/SimpleNotificationService-0123456789abcdef.pem'
const keys = rsaKeys()
const strangerKeys = rsaKeys()
const certificate = createCertificate({ subject: 'sns.amazonaws.com', keys, ...VALIDITY })

const sites = createSites()
let origin: Origin
let clock: ManualClock
let site: Site

beforeEach(async () => {
  origin = await startOrigin()
  origin.serve(PATH, certificate.pem)
  clock = createManualClock()
})
afterEach(async () => {
  await sites.end()
  await origin.close()
})

const route = routeOf('topic', { limits: { rate: { requests: 10_000 } } })

async function serve(sns: Partial<Verification['sns']> = {}) {
  const hosts = [HOST, 'sns.cn-north-1.amazonaws.com.cn']
  const origins = new Map(hosts.map((host) => [`https://${host}`, origin.url]))
  const verifiers = createOutbound({ get: createGuardedGet({ clock, origins }), now: () => clock.now() })
  const verification = {
    type: 'SNS',
    toleranceMs: 300_000,
    sns: { topicARNs: [TOPIC], confirm: true, ...sns },
  }
  site = await sites.start({ routes: [{ ...route, verification }], clock, verifiers })
}

const NOTIFICATION: Members = {
  Type: 'Notification',
  MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
  TopicArn: TOPIC,
  Subject: 'Order paid',
  Message: 'für 5 €\nand more',
  Timestamp: new Date(NOW).toISOString(),
}
const TOKEN = '2336412f37fb687f5d51e6e2425f004ae'
const confirmPath = (topic = TOPIC, token = TOKEN): string =>
  `/?Action=ConfirmSubscription&TopicArn=${topic}&Token=${token}`
const CONFIRMATION: Members = {
  Type: 'SubscriptionConfirmation',
  MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
  Token: TOKEN,
  TopicArn: TOPIC,
  Message: 'You have chosen to subscribe.',
  SubscribeURL: `https://${HOST}${confirmPath()}`,
  Timestamp: new Date(NOW).toISOString(),
}

interface Signing {
  version?: '1' | '2'
  key?: KeyObject
  url?: string
}

const signed = (members: Members, signing: Signing = {}): Members =>
  signedAsSNS(members, { version: '2', key: keys.privateKey, url: `https://${HOST}${PATH}`, ...signing })

async function call(members: unknown, headers: [string, string][] = []) {
  const body = Buffer.from(typeof members === 'string' ? members : JSON.stringify(members))
  const path = `/webhooks/${route.token}`
  const { status, body: text } = await send(site.port, {
    path,
    headers: [['content-type', 'text/plain; charset=UTF-8'], ...headers],
    body,
  })
  return { status, text }
}

const PASSED = { status: 200, text: '{"success":true}' }
const REFUSED = { status: 401, text: '{"error":"Verification failed"}' }
const NOT_NOW = { status: 503, text: '{"error":"Verification is not possible now"}' }
const CONFIRMED = { status: 200, text: '' }

describe('a notification', () => {
  beforeEach(() => serve())

  test.each(['1', '2'] as const)('with SignatureVersion %s passes', async (version) => {
    expect(await call(signed(NOTIFICATION, { version }))).toEqual(PASSED)
    const event = await site.nextEvent()
    expect(JSON.parse(event.body.toString())).toMatchObject(NOTIFICATION)
  })

  test('without a Subject passes, missing or null', async () => {
    expect(await call(signed({ ...NOTIFICATION, Subject: undefined }))).toEqual(PASSED)
    expect(await call(signed({ ...NOTIFICATION, Subject: null }))).toEqual(PASSED)
  })

  test.each(['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type', 'Signature'])(
    'with a changed or missing %s is refused',
    async (name) => {
      const members = signed(NOTIFICATION)
      expect(await call({ ...members, [name]: `${String(members[name])} ` })).toEqual(REFUSED)
      expect(await call({ ...members, [name]: undefined })).toEqual(REFUSED)
      expect(await call({ ...members, [name]: 5 })).toEqual(REFUSED)
    },
  )

  test('of a stranger is refused', async () => {
    expect(await call(signed(NOTIFICATION, { key: strangerKeys.privateKey }))).toEqual(REFUSED)
  })

  test('with the signature of the other version is refused', async () => {
    expect(await call({ ...signed(NOTIFICATION, { version: '1' }), SignatureVersion: '2' })).toEqual(REFUSED)
    expect(await call({ ...signed(NOTIFICATION, { version: '2' }), SignatureVersion: '1' })).toEqual(REFUSED)
    for (const version of ['3', '', '01', 2, undefined, '__proto__'])
      expect(await call({ ...signed(NOTIFICATION), SignatureVersion: version })).toEqual(REFUSED)
  })

  test('of another topic is refused though it is signed, and nothing is fetched for it', async () => {
    const other = { ...NOTIFICATION, TopicArn: 'arn:aws:sns:eu-central-1:999999999999:orders' }
    expect(await call(signed(other))).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })

  test('cannot be read as another with the same signed text', async () => {
    const members = signed({ ...NOTIFICATION, Subject: undefined, Message: 'a\nMessageId\nb' })
    const { MessageId } = NOTIFICATION
    const other = { ...members, Message: 'a', MessageId: `b\nMessageId\n${String(MessageId)}` }
    expect(await call(members)).toEqual(PASSED)
    expect(await call(other)).toEqual(REFUSED)
  })

  test('may be as late as the last retry', async () => {
    const at = (time: number) => signed({ ...NOTIFICATION, Timestamp: new Date(time).toISOString() })
    expect(await call(at(NOW - HOUR - 300_000))).toEqual(PASSED)
    expect(await call(at(NOW - HOUR - 301_000))).toEqual(REFUSED)
    expect(await call(at(NOW + 300_000))).toEqual(PASSED)
    expect(await call(at(NOW + 301_000))).toEqual(REFUSED)
    expect(await call(signed({ ...NOTIFICATION, Timestamp: '1767225600' }))).toEqual(REFUSED)
  })

  test('whose header speaks of another type is refused', async () => {
    const members = signed(NOTIFICATION)
    const withHeader = (type: string) => call(members, [['x-amz-sns-message-type', type]])
    expect(await withHeader('Notification')).toEqual(PASSED)
    expect(await withHeader('SubscriptionConfirmation')).toEqual(REFUSED)
  })

  test.each(['', 'null', '[]', '"text"', '{', '{}', '{"Type":"toString"}', '{"Type":"Other"}'])(
    'that is %j is refused',
    async (body) => expect(await call(body)).toEqual(REFUSED),
  )
})

describe('the certificate', () => {
  beforeEach(() => serve())

  test.each([
    ['http', `http://${HOST}${PATH}`],
    ['another host', `https://sns.example.com${PATH}`],
    ['another service', `https://s3.eu-central-1.amazonaws.com${PATH}`],
    ['a bucket with the name', `https://sns.eu-central-1.s3.amazonaws.com${PATH}`],
    ['a host that begins alike', `https://${HOST}.evil.example${PATH}`],
    ['a region that is too short', `https://sns.eu.amazonaws.com${PATH}`],
    ['a user', `https://user@${HOST}${PATH}`],
    ['a port', `https://${HOST}:8443${PATH}`],
    ['a query', `https://${HOST}${PATH}?Action=x.pem`],
    ['a query that ends alike', `https://${HOST}/?Action=x.pem`],
    ['a folder', `https://${HOST}/a/b.pem`],
    ['another ending', `https://${HOST}/certificate.crt`],
    ['encoded letters', `https://${HOST}/%2e.pem`],
    ['a fragment', `https://${HOST}/x#.pem`],
    ['a backslash', `https://evil.example\\@${HOST}${PATH}`],
    ['nothing', ''],
  ])('at %s is not fetched', async (_, url) => {
    expect(await call(signed(NOTIFICATION, { url }))).toEqual(REFUSED)
    expect(origin.requests).toEqual([])
  })

  test('of a Chinese region is fetched, too', async () => {
    const url = `https://sns.cn-north-1.amazonaws.com.cn${PATH}`
    expect(await call(signed(NOTIFICATION, { url }))).toEqual(PASSED)
  })

  test.each([
    ['is over', createCertificate({ subject: 'sns', keys, validFrom: 0, validTo: NOW - 1_000 }).pem],
    [
      'is for later',
      createCertificate({ subject: 'sns', keys, validFrom: NOW + 1_000, validTo: NOW + DAY }).pem,
    ],
    ['has a key of another kind', createCertificate({ subject: 'sns', keys: ecKeys(), ...VALIDITY }).pem],
    ['is none', 'not a certificate'],
  ])('that %s is not used', async (_, pem) => {
    origin.serve(PATH, pem)
    expect(await call(signed(NOTIFICATION))).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH])
  })

  test('is fetched once', async () => {
    for (let i = 0; i < 3; i++) expect(await call(signed(NOTIFICATION))).toEqual(PASSED)
    expect(origin.requests).toEqual([PATH])
  })

  test('that can not be had makes Amazon come again', async () => {
    origin.serve(PATH, (_, response) => response.writeHead(500).end())
    expect(await call(signed(NOTIFICATION))).toEqual(NOT_NOW)
  })
})

describe('a confirmation', () => {
  test('of a listed topic is confirmed, once, and starts nothing', async () => {
    await serve()
    origin.serve(confirmPath(), '<ConfirmSubscriptionResponse/>')
    expect(await call(signed(CONFIRMATION))).toEqual(CONFIRMED)
    expect(await call(signed(CONFIRMATION))).toEqual(CONFIRMED)
    expect(origin.requests).toEqual([PATH, confirmPath()])
    await call(signed(NOTIFICATION))
    expect(JSON.parse((await site.nextEvent()).body.toString())).toMatchObject({ Type: 'Notification' })
  })

  test('of another topic, or of a stranger, is not', async () => {
    await serve()
    const topic = 'arn:aws:sns:eu-central-1:999999999999:orders'
    const SubscribeURL = `https://${HOST}${confirmPath(topic)}`
    expect(await call(signed({ ...CONFIRMATION, TopicArn: topic, SubscribeURL }))).toEqual(REFUSED)
    expect(await call(signed(CONFIRMATION, { key: strangerKeys.privateKey }))).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH])
  })

  test.each([
    ['another host', `https://evil.example${confirmPath()}`],
    ['http', `http://${HOST}${confirmPath()}`],
    ['a port', `https://${HOST}:8443${confirmPath()}`],
    ['a user', `https://a@${HOST}${confirmPath()}`],
    ['another path', `https://${HOST}/x${confirmPath().slice(1)}`],
    ['another action', `https://${HOST}/?Action=DeleteTopic&TopicArn=${TOPIC}&Token=${TOKEN}`],
    ['two actions', `https://${HOST}${confirmPath()}&Action=DeleteTopic`],
    ['another topic', `https://${HOST}${confirmPath(`${TOPIC}2`)}`],
    ['another token', `https://${HOST}${confirmPath(TOPIC, 'other')}`],
  ])('that leads to %s is not visited, though it is signed', async (_, SubscribeURL) => {
    await serve()
    expect(await call(signed({ ...CONFIRMATION, SubscribeURL }))).toEqual(REFUSED)
    expect(origin.requests).toEqual([PATH])
  })

  test('that can not be passed on makes Amazon come again', async () => {
    await serve()
    expect(await call(signed(CONFIRMATION))).toEqual(NOT_NOW)
    origin.serve(confirmPath(), 'confirmed')
    await clock.advance(60_000)
    expect(await call(signed(CONFIRMATION))).toEqual(CONFIRMED)
  })

  test('of the end of a subscription is only answered', async () => {
    await serve()
    expect(await call(signed({ ...CONFIRMATION, Type: 'UnsubscribeConfirmation' }))).toEqual(CONFIRMED)
    expect(origin.requests).toEqual([PATH])
  })

  test('is left to the workflow when the webhook says so', async () => {
    await serve({ confirm: false })
    expect(await call(signed(CONFIRMATION))).toEqual(PASSED)
    expect(origin.requests).toEqual([PATH])
    expect(JSON.parse((await site.nextEvent()).body.toString())).toMatchObject({ Token: TOKEN })
  })
})
