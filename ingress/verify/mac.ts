import { hash, timingSafeEqual } from 'node:crypto'
import type { HmacSettings } from '../route.ts'

export type Algorithm = HmacSettings['algorithm']
export type Encoding = HmacSettings['encoding']

/** The name of the hash function at node:crypto, and its sizes in bytes. */
const HASHES = {
  SHA1: { name: 'sha1', blockBytes: 64, digestBytes: 20 },
  SHA256: { name: 'sha256', blockBytes: 64, digestBytes: 32 },
  SHA384: { name: 'sha384', blockBytes: 128, digestBytes: 48 },
  SHA512: { name: 'sha512', blockBytes: 128, digestBytes: 64 },
} as const
const ENCODINGS = { Hex: 'hex', Base64: 'base64', Base64URL: 'base64url' } as const

const INNER = 0x36
const OUTER = 0x5c

/**
 * HMAC (RFC 2104) with one key, of one-shot hashes. `createHmac` makes a native object for each use, and
 * making and collecting those is half of what verifying a call of 1 KB costs (bench/verify); the hash
 * functions are node:crypto's either way. Whatever prints a key prints nothing of it.
 */
export class MacKey {
  readonly #hash: string
  /** The key's inner pad. */
  readonly #inner: Buffer
  /** The outer pad, and room for the inner digest: written anew for each use. */
  readonly #outer: Buffer

  constructor(algorithm: Algorithm, key: Buffer) {
    const { name, blockBytes, digestBytes } = HASHES[algorithm]
    const short = key.length > blockBytes ? hash(name, key, 'buffer') : key
    this.#hash = name
    this.#inner = Buffer.alloc(blockBytes)
    this.#outer = Buffer.alloc(blockBytes + digestBytes)
    for (let i = 0; i < blockBytes; i++) {
      const byte = short[i] ?? 0
      this.#inner[i] = byte ^ INNER
      this.#outer[i] = byte ^ OUTER
    }
  }

  /** The encoded code of a message, given in parts. */
  sign(parts: readonly (string | Buffer)[], encoding: 'hex' | 'base64' | 'base64url'): string {
    const block = this.#inner.length
    let length = block
    for (const part of parts) length += typeof part === 'string' ? Buffer.byteLength(part) : part.length
    const message = Buffer.allocUnsafe(length)
    this.#inner.copy(message)
    let at = block
    for (const part of parts)
      at += typeof part === 'string' ? message.write(part, at) : part.copy(message, at)
    this.#outer.write(hash(this.#hash, message, 'binary'), block, 'latin1')
    return hash(this.#hash, this.#outer, encoding)
  }
}

/** Message authentication codes in one algorithm and encoding. */
export interface Mac {
  /** A signature as it stands in a header must have exactly this form; one that has not is not compared. */
  readonly form: RegExp
  key(bytes: Buffer): MacKey
  /** The encoded code of a message, given in parts. */
  sign(key: MacKey, parts: readonly (string | Buffer)[]): string
  /**
   * Whether any of the given signatures, all of the right form, was made with any of the keys. Always
   * compares all of them.
   */
  passes(keys: readonly MacKey[], parts: readonly (string | Buffer)[], given: readonly string[]): boolean
}

export function createMac(algorithm: Algorithm, encoding: Encoding): Mac {
  const { digestBytes } = HASHES[algorithm]
  const output = ENCODINGS[encoding]
  const otherSpelling = OTHER_SPELLING[encoding]
  const length = encodedLength(digestBytes, encoding)
  // Written anew for each comparison: two buffers less for each call to make and to collect.
  const [left, right] = [Buffer.alloc(length), Buffer.alloc(length)]

  /**
   * Of texts and not of what they decode to, for many decode to the same bytes. Both are ASCII: one is made
   * here, the other is of the form.
   */
  function same(expected: string, given: string): boolean {
    if (given.length !== length) return false
    left.write(expected, 'latin1')
    right.write(given, 'latin1')
    return timingSafeEqual(left, right)
  }

  function fits(expected: string, given: string): boolean {
    if (same(expected, given)) return true
    const spelled = otherSpelling?.(given)
    return spelled !== undefined && same(expected, spelled)
  }

  return {
    form: formOf(digestBytes, encoding),
    key: (bytes) => new MacKey(algorithm, bytes),
    sign: (key, parts) => key.sign(parts, output),
    passes(keys, parts, given) {
      let passes = false
      for (const key of keys) {
        const expected = key.sign(parts, output)
        for (const signature of given) passes = fits(expected, signature) || passes
      }
      return passes
    },
  }
}

/**
 * Senders differ in the case of hex digits and in the padding of base64url; both are without meaning, and
 * neither is usual.
 */
const OTHER_SPELLING: Partial<Record<Encoding, (signature: string) => string>> = {
  Hex: (signature) => signature.toLowerCase(),
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
