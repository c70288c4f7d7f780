import { hash } from 'node:crypto'
import { sameSignature } from './compare.ts'
import { idIn, signedAs } from './delivery.ts'
import { secretKeys } from './keys.ts'
import { createMac } from './mac.ts'
import { hasQueryParameter, queryParameter } from './query.ts'
import { NO_URL } from './signed.ts'
import type { VerificationOutcome, VerificationRequest, Verifier } from './verifier.ts'
import { onlyHeader, PASS, reject, withSecrets } from './verifier.ts'

const mac = createMac('SHA1', 'Base64')
/** Twilio sends some dozens. */
const MAX_PARAMETERS = 1_000

/**
 * Twilio, "Webhooks security": the URL and the parameters of a form are signed with the auth token. Any other
 * body is covered by the hash in the URL, `bodySHA256`; without it nothing covers the body, and it is
 * refused. Without an auth token nothing is checked.
 */
export const twilio: Verifier = {
  proves: withSecrets,
  prepare({ secrets, twilio: settings }) {
    if (secrets === undefined) return { verify: () => PASS, deliveryId: idIn('i-twilio-idempotency-token') }
    const keys = secretKeys(secrets).map(mac.key)
    return {
      // I-Twilio-Idempotency-Token is not signed. The text is exactly the signed one, so that it stays the
      // same if it is divided otherwise into URL and parameters.
      deliveryId(request) {
        const parameters = signedParameters(request)
        return typeof parameters === 'string'
          ? signedAs(request.url(settings?.publicURL) ?? '', parameters)
          : undefined
      },
      verify(request) {
        const signature = onlyHeader(request, 'x-twilio-signature')
        if (typeof signature !== 'string') return signature
        if (!mac.form.test(signature)) return reject('HeaderMalformed')
        const url = request.url(settings?.publicURL)
        if (url === undefined) return NO_URL
        const parameters = signedParameters(request)
        if (typeof parameters !== 'string') return parameters
        const passes = spellings(url).some((spelling) =>
          mac.passes(keys, [spelling, parameters], [signature]),
        )
        return passes ? PASS : reject('SignatureMismatch')
      },
    }
  },
}

/** What is signed after the URL. */
function signedParameters(request: VerificationRequest): string | VerificationOutcome {
  const { body, query } = request
  if (hasQueryParameter(query, 'bodySHA256')) {
    const expected = queryParameter(query, 'bodySHA256') ?? ''
    return sameSignature(hash('sha256', body, 'hex'), expected.toLowerCase())
      ? ''
      : reject('SignatureMismatch')
  }
  if (body.length === 0) return ''
  const [type = ''] = request.header('content-type')
  if (!/^application\/x-www-form-urlencoded *(;|$)/i.test(type)) return reject('BodyUnsigned')
  return parametersOf(body) ?? reject('BodyMalformed')
}

/**
 * Each parameter's name and value without anything between, in the order of the names' UTF-16 code units; the
 * values of one name made unique and sorted. Undefined when the form is not strictly encoded: two bodies must
 * never be read alike.
 */
function parametersOf(body: Buffer): string | undefined {
  const values = new Map<string, Set<string>>()
  try {
    const pairs = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body).split('&')
    if (pairs.length > MAX_PARAMETERS) return undefined
    for (const pair of pairs) {
      if (pair === '') continue
      const equals = pair.indexOf('=')
      const name = decode(equals < 0 ? pair : pair.slice(0, equals))
      const value = equals < 0 ? '' : decode(pair.slice(equals + 1))
      const known = values.get(name)
      if (known === undefined) values.set(name, new Set([value]))
      else known.add(value)
    }
  } catch {
    return undefined
  }
  return [...values]
    .toSorted(([a], [b]) => byCodeUnits(a, b))
    .map(([name, own]) =>
      [...own]
        .toSorted(byCodeUnits)
        .map((value) => name + value)
        .join(''),
    )
    .join('')
}

const decode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** Twilio signs a URL with its port or without: as it is, without, and with the default one. */
function spellings(url: string): string[] {
  const match = /^(https?):\/\/([^/?#]*?)(:\d+)?(?=[/?#]|$)/i.exec(url)
  if (match === null) return [url]
  const [origin, scheme = '', host = '', port] = match
  const rest = url.slice(origin.length)
  if (port !== undefined) return [url, `${scheme}://${host}${rest}`]
  return [url, `${scheme}://${host}:${scheme.toLowerCase() === 'https' ? 443 : 80}${rest}`]
}
