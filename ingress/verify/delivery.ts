/**
 * By what a delivery that comes again is known. Whoever recorded a delivery can send it again with anything
 * else that no signature covers.
 */
import { createHash } from 'node:crypto'
import type { VerificationRequest } from './verifier.ts'

/**
 * Names a delivery by all that is signed of it, in the order in which it is: for where no id is signed. Where
 * one signed text could be divided into its parts in more than one way, it is still one delivery. The name
 * has a form that no provider's id has.
 */
export function signedAs(...parts: readonly (string | Buffer)[]): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return `signed:${digest.digest('base64url')}`
}

/** Where only the body is signed: deliveries with the same bytes are one, whatever their headers say. */
export const signedBody = ({ body }: VerificationRequest): string => signedAs(body)

/**
 * The same where the time in a header, which was checked to be there once and in its form, is signed before
 * the body.
 */
export function signedWith(header: string): (request: VerificationRequest) => string {
  return (request) => signedAs(...request.header(header), ':', request.body)
}

/** A member of a signed body that is an id; undefined for anything else. */
export const idOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/**
 * The value of a header, for where nothing but who sends is proven. Undefined when it is missing, empty, or
 * there more than once.
 */
export function idIn(name: string): (request: VerificationRequest) => string | undefined {
  return (request) => {
    const [value, ...more] = request.header(name)
    return more.length === 0 && value !== '' ? value : undefined
  }
}
