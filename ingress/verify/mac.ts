import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { HmacSettings } from '../route.ts'

export type Algorithm = HmacSettings['algorithm']
export type Encoding = HmacSettings['encoding']

const HASHES = { SHA1: 'sha1', SHA256: 'sha256', SHA384: 'sha384', SHA512: 'sha512' } as const
const DIGEST_BYTES = { SHA1: 20, SHA256: 32, SHA384: 48, SHA512: 64 } as const
const ENCODINGS = { Hex: 'hex', Base64: 'base64', Base64URL: 'base64url' } as const

/** Message authentication codes in one algorithm and encoding. */
export interface Mac {
  /** A signature as it stands in a header must have exactly this form; one that has not is not compared. */
  readonly form: RegExp
  /** The encoded code of a message, given in parts. */
  sign(key: KeyObject, parts: readonly (string | Buffer)[]): string
  /** Whether any of the given signatures, all of the right form, was made with any of the keys. Always compares all of them. */
  passes(keys: readonly KeyObject[], parts: readonly (string | Buffer)[], given: readonly string[]): boolean
}

export function createMac(algorithm: Algorithm, encoding: Encoding): Mac {
  const name = HASHES[algorithm]
  const output = ENCODINGS[encoding]
  const normal = NORMAL[encoding]
  const length = encodedLength(DIGEST_BYTES[algorithm], encoding)
  // Written anew for each comparison: two buffers less for each call to make and to collect.
  const [left, right] = [Buffer.alloc(length), Buffer.alloc(length)]

  /** Of texts and not of what they decode to, for many decode to the same bytes. Both are ASCII: one is made here, the other is of the form. */
  function same(expected: string, given: string): boolean {
    if (given.length !== length) return false
    left.write(expected, 'latin1')
    right.write(given, 'latin1')
    return timingSafeEqual(left, right)
  }

  function sign(key: KeyObject, parts: readonly (string | Buffer)[]): string {
    const hmac = createHmac(name, key)
    for (const part of parts) {
      if (typeof part === 'string') hmac.update(part, 'utf8')
      else hmac.update(part)
    }
    return hmac.digest(output)
  }

  return {
    form: formOf(DIGEST_BYTES[algorithm], encoding),
    sign,
    passes(keys, parts, given) {
      let passes = false
      for (const key of keys) {
        const expected = sign(key, parts)
        for (const signature of given) passes = same(expected, normal(signature)) || passes
      }
      return passes
    },
  }
}

/** Senders differ in the case of hex digits and in the padding of base64url; both are without meaning. */
const NORMAL: Record<Encoding, (signature: string) => string> = {
  Hex: (signature) => signature.toLowerCase(),
  Base64: (signature) => signature,
  Base64URL: (signature) => signature.replace(/=+$/, ''),
}

function encodedLength(bytes: number, encoding: Encoding): number {
  if (encoding === 'Hex') return 2 * bytes
  return encoding === 'Base64' ? 4 * Math.ceil(bytes / 3) : Math.ceil((bytes * 4) / 3)
}

function formOf(bytes: number, encoding: Encoding): RegExp {
  if (encoding === 'Hex') return new RegExp(`^[0-9A-Fa-f]{${2 * bytes}}$`)
  const letters = Math.ceil((bytes * 4) / 3)
  const padding = (4 - (letters % 4)) % 4
  return encoding === 'Base64'
    ? new RegExp(`^[A-Za-z0-9+/]{${letters}}={${padding}}$`)
    : new RegExp(`^[A-Za-z0-9_-]{${letters}}(={${padding}})?$`)
}
