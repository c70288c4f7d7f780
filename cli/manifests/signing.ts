/**
 * Signed requests in `.http` files. In a header, `{{timestamp}}` is the time in seconds since 1970, and
 *
 * - `{{hmac ALGORITHM ENCODING KEY TEMPLATE}}` the HMAC of the template, with the words that `verification.hmac` has for them;
 * - `{{ed25519 ENCODING KEY TEMPLATE}}` the Ed25519 signature.
 *
 * The template knows `{timestamp}`, `{url}` and `{body}`. A key is text without blanks, or bytes as
 * `base64:…` or `hex:…`; that of Ed25519 is its seed.
 */
import { createHmac, createPrivateKey, sign } from 'node:crypto'

export interface Signing {
  /** Of the request, filled. */
  url: string
  body: string
  /** Milliseconds since 1970. */
  now: number
}

const TIMESTAMP = '{{timestamp}}'
const SIGNATURE = /\{\{(hmac|ed25519) ([^{}]*(?:\{[a-z]+\}[^{}]*)*)\}\}/g
/** PKCS #8 of an Ed25519 key, up to its seed of 32 bytes (RFC 8410, 7). */
const ED25519_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Puts times and signatures in place of what stands for them in a header. */
export function signHeader(value: string, signing: Signing): string {
  return value
    .replaceAll(TIMESTAMP, secondsOf(signing))
    .replace(SIGNATURE, (_, kind: string, words: string) =>
      kind === 'hmac' ? signHmac(words, signing) : signEd25519(words, signing),
    )
}

/** Whether a request with such a header is good only for a while. */
export const isTimed = (value: string): boolean => value.includes(TIMESTAMP) || value.includes('{timestamp}')

function signHmac(words: string, signing: Signing): string {
  const [, algorithm = '', encoding = '', key = '', template = ''] =
    /^(\S+) (\S+) (\S+) ([^]*)$/.exec(words) ?? []
  return createHmac(algorithm.toLowerCase(), bytesOf(key))
    .update(message(template, signing))
    .digest(encodingOf(encoding))
}

function signEd25519(words: string, signing: Signing): string {
  const [, encoding = '', key = '', template = ''] = /^(\S+) (\S+) ([^]*)$/.exec(words) ?? []
  const pkcs8 = Buffer.concat([ED25519_PREFIX, bytesOf(key)])
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  return sign(null, Buffer.from(message(template, signing)), privateKey).toString(encodingOf(encoding))
}

function message(template: string, signing: Signing): string {
  const values: Record<string, string> = {
    timestamp: secondsOf(signing),
    url: signing.url,
    body: signing.body,
  }
  return template.replace(/\{(timestamp|url|body)\}/g, (_, name: string) => values[name] ?? '')
}

const secondsOf = ({ now }: Signing): string => String(Math.floor(now / 1000))

function bytesOf(key: string): Buffer {
  const [, encoding, text = ''] = /^(base64|hex):(.*)$/.exec(key) ?? []
  return encoding === undefined ? Buffer.from(key, 'utf8') : Buffer.from(text, encoding as 'base64' | 'hex')
}

const ENCODINGS: Record<string, 'hex' | 'base64' | 'base64url'> = {
  Hex: 'hex',
  Base64: 'base64',
  Base64URL: 'base64url',
}

function encodingOf(name: string): 'hex' | 'base64' | 'base64url' {
  const encoding = ENCODINGS[name]
  if (encoding === undefined)
    throw new Error(`${name} is no encoding of a signature: Hex, Base64 or Base64URL`)
  return encoding
}
