import { createPublicKey, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** A public key of RFC 8032 from its 32 bytes; undefined for what is not a point of the curve. */
export function ed25519PublicKey(bytes: Buffer): KeyObject | undefined {
  if (bytes.length !== 32) return undefined
  try {
    const key = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** Whether the signature of 64 bytes was made of the message with the key. */
export function ed25519Passes(key: KeyObject, message: Buffer, signature: Buffer): boolean {
  return signature.length === 64 && verify(null, message, key, signature)
}
