import type { HmacSettings } from '../route.ts'
import { UnusableVerification } from './verifier.ts'

/**
 * The bytes of keys from the texts of `spec.verification.secrets`.
 * @throws {UnusableVerification} where there are none, or one is not of the encoding.
 */
export function secretKeys(
  secrets: readonly string[] | undefined,
  encoding: HmacSettings['keyEncoding'] = 'Text',
): Buffer[] {
  return secretTexts(secrets).map((secret, index) => {
    const bytes = decodeKey(secret, encoding)
    if (bytes === undefined || bytes.length === 0)
      throw new UnusableVerification(
        ['secrets', index],
        `is not ${encoding === 'Hex' ? 'hex' : 'base64'}, as hmac.keyEncoding says it is`,
      )
    return bytes
  })
}

/** The texts of the secrets, at least one. An empty list would let nobody in, an empty secret anybody. */
export function secretTexts(secrets: readonly string[] | undefined): readonly [string, ...string[]] {
  const [first, ...rest] = secrets ?? []
  if (first === undefined) throw new UnusableVerification(['secrets'], 'is missing: give at least one secret')
  const empty = [first, ...rest].indexOf('')
  if (empty >= 0) throw new UnusableVerification(['secrets', empty], 'is empty: give it a value')
  return [first, ...rest]
}

function decodeKey(secret: string, encoding: HmacSettings['keyEncoding']): Buffer | undefined {
  switch (encoding) {
    case 'Text':
      return Buffer.from(secret, 'utf8')
    case 'Hex':
      return /^([0-9A-Fa-f]{2})+$/.test(secret) ? Buffer.from(secret, 'hex') : undefined
    case 'Base64':
      return decodeBase64(secret)
  }
}

/** Strict RFC 4648 base64, padding required; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return Buffer.from(text, 'base64')
}
