import { hash, timingSafeEqual } from 'node:crypto'

/**
 * Whether two encoded signatures are the same, in a time that tells only whether their lengths are. Encoded
 * texts are compared and not what they decode to, because decoders skip what they don't know and many texts
 * decode to the same bytes.
 */
export function sameSignature(expected: string, given: string): boolean {
  const a = Buffer.from(expected, 'utf8')
  const b = Buffer.from(given, 'utf8')
  return a.length === b.length && timingSafeEqual(a, b)
}

/** A secret to compare with, as its digest: comparing tells nothing, not even its length. */
export function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** Whether the text is one of the secrets; always compares with all of them. */
export function isOneOf(digests: readonly Buffer[], given: string): boolean {
  const digest = digestOf(given)
  let found = false
  for (const candidate of digests) found = timingSafeEqual(candidate, digest) || found
  return found
}
