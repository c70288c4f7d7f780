import { readCertificates, rsaPasses, trustedKey, usableKey } from './certificates.ts'
import type { SigningKey } from './certificates.ts'
import { idOf, signedBody } from './delivery.ts'
import { asObject, asText, jsonObject } from './json.ts'
import { decodeBase64 } from './keys.ts'
import { parseOutboundUrl } from './outbound/url.ts'
import { parseTime } from './time.ts'
import type {
  Fetched,
  RemoteDocument,
  VerificationOutcome,
  VerificationRequest,
  Verifier,
} from './verifier.ts'
import { always, onlyHeader, PASS, reject } from './verifier.ts'

/** Amazon's rule, and not a setting: a request is at most so old. */
const MAX_AGE_MS = 150_000
/** How far Amazon's clock may be ahead of ours. */
const MAX_AHEAD_MS = 30_000

const BAD_REQUEST = 400

const SIGNING_NAME = 'echo-api.amazon.com'

type Message = Record<string, unknown> | undefined

const certificateChain: RemoteDocument<SigningKey> = {
  name: 'Alexa certificate chain',
  origin: 'provider',
  parse(bytes, { now, roots }) {
    const chain = readCertificates(bytes)
    const value = trustedKey(chain, { roots: roots(), dnsName: SIGNING_NAME, now })
    return { value, expiresAt: value.validTo }
  },
}

/**
 * Amazon, "Host a Custom Skill as a Web Service", on verifying that a request was sent by Alexa. Only
 * Signature-256 counts; Signature, made with SHA-1, never does.
 */
export const alexa: Verifier = {
  proves: always,
  prepare({ alexa: settings }, deps) {
    const applicationIDs = settings?.applicationIDs && new Set(settings.applicationIDs)

    function verify(request: VerificationRequest): VerificationOutcome | Promise<VerificationOutcome> {
      const line = onlyHeader(request, 'signature-256')
      if (typeof line !== 'string') return line
      const chainUrl = onlyHeader(request, 'signaturecertchainurl')
      if (typeof chainUrl !== 'string') return chainUrl
      const signature = decodeBase64(line)
      if (signature === undefined || signature.length === 0) return reject('HeaderMalformed')
      const url = certificateUrl(chainUrl)
      if (url === undefined) return reject('CertificateInvalid')
      // All that costs nothing comes before anything is fetched.
      const message = jsonObject(request.body)
      const fault = faultOfTime(request, message) ?? faultOfSkill(message, applicationIDs)
      if (fault !== undefined) return fault
      const chain = deps.read(certificateChain, url)
      if (chain instanceof Promise) return chain.then((read) => judge(request, read, signature))
      return judge(request, chain, signature)
    }

    return {
      isCostly: true,
      verify(request) {
        const outcome = verify(request)
        return outcome instanceof Promise ? outcome.then(withStatus) : withStatus(outcome)
      },
      deliveryId: (request) =>
        idOf(asObject(jsonObject(request.body)?.['request'])?.['requestId']) ?? signedBody(request),
    }
  },
}

function judge(
  request: VerificationRequest,
  chain: Fetched<SigningKey>,
  signature: Buffer,
): VerificationOutcome {
  const found = usableKey(chain, request.now)
  if ('outcome' in found) return found.outcome
  const passes = rsaPasses('sha256', { key: found.key, message: request.body, signature })
  return passes ? PASS : reject('SignatureMismatch')
}

/** Amazon asks for 400 where others take 401. */
function withStatus(outcome: VerificationOutcome): VerificationOutcome {
  return outcome.kind === 'reject' ? { ...outcome, status: BAD_REQUEST } : outcome
}

/**
 * Where Amazon keeps its chains: compared after normalising, so that `/echo.api/../x` is somebody else's.
 * What is still encoded then, or has a query, is no name that Amazon gives, and whoever serves it may read it
 * in another way.
 */
function certificateUrl(text: string): URL | undefined {
  const url = parseOutboundUrl(text)
  const isAmazons =
    url?.hostname === 's3.amazonaws.com' &&
    url.pathname.startsWith('/echo.api/') &&
    !url.pathname.includes('%') &&
    !url.href.includes('?')
  return isAmazons ? url : undefined
}

/**
 * The time that counts is the signed one of the body. A Timestamp header is not signed: it can only make a
 * request worse.
 */
function faultOfTime(request: VerificationRequest, message: Message): VerificationOutcome | undefined {
  const headers = request.header('timestamp')
  if (headers.length > 1) return reject('HeaderRepeated')
  const signed = asText(asObject(message?.['request'])?.['timestamp'])
  if (signed === undefined) return reject('BodyMalformed')
  for (const text of [signed, ...headers]) {
    const time = parseTime(text, 'RFC3339')
    if (time === undefined) return reject(text === signed ? 'BodyMalformed' : 'HeaderMalformed')
    const age = request.now - time
    if (!(age <= MAX_AGE_MS && age >= -MAX_AHEAD_MS)) return reject('TimestampOutOfTolerance')
  }
  return undefined
}

function faultOfSkill(
  message: Message,
  applicationIDs: ReadonlySet<string> | undefined,
): VerificationOutcome | undefined {
  if (applicationIDs === undefined) return undefined
  const system = asObject(asObject(message?.['context'])?.['System'])
  const id = asText(asObject(system?.['application'])?.['applicationId'])
  return id !== undefined && applicationIDs.has(id) ? undefined : reject('NotAllowed')
}
