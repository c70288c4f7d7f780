import { currentKey, readCertificates, rsaPasses, usableKey } from './certificates.ts'
import type { SigningKey } from './certificates.ts'
import { asText, jsonObject } from './json.ts'
import { decodeBase64 } from './keys.ts'
import { parseOutboundUrl } from './outbound/url.ts'
import { DEFAULT_TOLERANCE_MS, parseTime } from './time.ts'
import type {
  Fetched,
  RemoteDocument,
  VerificationOutcome,
  VerificationRequest,
  Verifier,
} from './verifier.ts'
import { always, PASS, reject } from './verifier.ts'

/** For so long a delivery may be tried again, with the time of the first. */
const RETRY_MS = 3_600_000

const HOST = /^sns\.[a-z0-9-]{3,}\.amazonaws\.com(\.cn)?$/
const CERTIFICATE_PATH = /^\/[A-Za-z0-9._-]+\.pem$/

const CONFIRMATION = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type']
/** What is signed of each type, in this order; a member that is not there is left out. */
const SIGNED: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['Notification', ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']],
  ['SubscriptionConfirmation', CONFIRMATION],
  ['UnsubscribeConfirmation', CONFIRMATION],
])
const OPTIONAL = 'Subject'

/** By SignatureVersion. */
const HASHES = new Map<unknown, 'sha1' | 'sha256'>([
  ['1', 'sha1'],
  ['2', 'sha256'],
])

/**
 * The certificate that signs messages comes without its chain: it is trusted because an SNS host shows it
 * over TLS, whose chain is checked.
 */
const signingCertificate: RemoteDocument<SigningKey> = {
  name: 'SNS certificate',
  origin: 'provider',
  parse(bytes, { now }) {
    const value = currentKey(readCertificates(bytes)[0], now)
    return { value, expiresAt: value.validTo }
  },
}

/**
 * What confirming a subscription answers; kept, so that a repeated confirmation is not passed on to Amazon.
 */
const confirmation: RemoteDocument<true> = {
  name: 'SNS subscription',
  origin: 'provider',
  parse: (_bytes, { now }) => ({ value: true, expiresAt: now + RETRY_MS }),
}

/** The members of a message, all texts. */
type Message = Readonly<Record<string, string>>

interface Signed {
  message: Message
  text: string
  hash: 'sha1' | 'sha256'
  signature: Buffer
  certificateUrl: URL
}

/**
 * Amazon SNS, "Verifying the signatures of Amazon SNS messages". Every account can have messages signed, so
 * it is the list of topics that tells whose they are.
 */
export const sns: Verifier = {
  proves: always,
  prepare({ sns: settings, toleranceMs = DEFAULT_TOLERANCE_MS }, deps) {
    if (settings === undefined) throw new TypeError('a verification of type SNS lacks its settings')
    const topics = new Set(settings.topicARNs)

    function judge(request: VerificationRequest, signed: Signed, certificate: Fetched<SigningKey>) {
      const found = usableKey(certificate, request.now)
      if ('outcome' in found) return found.outcome
      const { hash, text, signature, message } = signed
      if (!rsaPasses(hash, { key: found.key, message: Buffer.from(text), signature }))
        return reject('SignatureMismatch')
      return message['Type'] === 'Notification' || !settings?.confirm ? PASS : confirm(message)
    }

    /** Only ever of a message that Amazon signed for one of the topics. */
    function confirm(message: Message): VerificationOutcome | Promise<VerificationOutcome> {
      if (message['Type'] === 'UnsubscribeConfirmation') return DONE
      const url = confirmationUrl(message)
      if (url === undefined) return reject('HandshakeRefused')
      const visited = deps.read(confirmation, url)
      return visited instanceof Promise ? visited.then(outcomeOfVisit) : outcomeOfVisit(visited)
    }

    return {
      isCostly: true,
      verify(request) {
        const signed = readSigned(request)
        if (!('message' in signed)) return signed
        const { message } = signed
        if (!topics.has(message['TopicArn'] ?? '')) return reject('NotAllowed')
        const time = parseTime(message['Timestamp'] ?? '', 'RFC3339')
        if (time === undefined) return reject('BodyMalformed')
        const age = request.now - time
        if (!(age <= RETRY_MS + toleranceMs && age >= -toleranceMs)) return reject('TimestampOutOfTolerance')
        const certificate = deps.read(signingCertificate, signed.certificateUrl)
        if (certificate instanceof Promise) return certificate.then((read) => judge(request, signed, read))
        return judge(request, signed, certificate)
      },
      deliveryId: ({ body }) => asText(jsonObject(body)?.['MessageId']),
    }
  },
}

const DONE: VerificationOutcome = { kind: 'handshake', status: 200, body: '' }

function outcomeOfVisit(visited: Fetched<true>): VerificationOutcome {
  return visited.kind === 'found' ? DONE : { kind: 'unavailable', why: visited.why }
}

function readSigned(request: VerificationRequest): Signed | VerificationOutcome {
  const object = jsonObject(request.body)
  const type = object?.['Type']
  const names = SIGNED.get(type)
  if (object === undefined || names === undefined) return reject('BodyMalformed')
  // The header is not signed: it may repeat what is, and nothing else.
  if (request.header('x-amz-sns-message-type').some((value) => value !== type))
    return reject('HeaderMalformed')
  const message = membersOf(object, names)
  const hash = HASHES.get(object['SignatureVersion'])
  const signature = decodeBase64(asText(object['Signature']) ?? '')
  if (message === undefined || hash === undefined || !signature?.length) return reject('BodyMalformed')
  const certificateUrl = parseOutboundUrl(asText(object['SigningCertURL']) ?? '')
  if (!isOfSns(certificateUrl) || !CERTIFICATE_PATH.test(certificateUrl.pathname) || certificateUrl.search)
    return reject('CertificateInvalid')
  const text = names.flatMap((name) => (name in message ? [`${name}\n${message[name]}\n`] : [])).join('')
  return { message, text, hash, signature, certificateUrl }
}

/**
 * Undefined when one is missing or not a text. Only the message itself may have more than one line: else the
 * signed text could be divided into other members than those it was made of.
 */
function membersOf(object: Record<string, unknown>, names: readonly string[]): Message | undefined {
  const message: Record<string, string> = {}
  for (const name of names) {
    const value = object[name]
    if (name === OPTIONAL && (value === undefined || value === null)) continue
    if (typeof value !== 'string' || (name !== 'Message' && /\p{Cc}/u.test(value))) return undefined
    message[name] = value
  }
  return message
}

const isOfSns = (url: URL | undefined): url is URL => url !== undefined && HOST.test(url.hostname)

/** Where the subscription that the message speaks of is confirmed; nothing else is ever visited. */
function confirmationUrl(message: Message): URL | undefined {
  const url = parseOutboundUrl(message['SubscribeURL'] ?? '')
  if (!isOfSns(url) || url.pathname !== '/') return undefined
  const asks = (name: string, value: string | undefined): boolean => {
    const values = url.searchParams.getAll(name)
    return values.length === 1 && values[0] === value
  }
  const confirms = asks('Action', 'ConfirmSubscription') && asks('TopicArn', message['TopicArn'])
  return confirms && asks('Token', message['Token']) ? url : undefined
}
