import { verify, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Fetched, VerificationOutcome } from './verifier.ts'
import { InvalidDocument } from './verifier.ts'

/**
 * The key of a certificate that was found good, and when it may be used: both in milliseconds since 1970,
 * both inclusive.
 */
export interface SigningKey {
  key: KeyObject
  validFrom: number
  validTo: number
}

/** More certificates than any provider sends; each costs a signature check. */
const MAX_CERTIFICATES = 8
/** Certificates between the first and the root, both included. */
const MAX_DEPTH = 6
const MIN_RSA_BITS = 2048

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/**
 * The certificates of a PEM text, in its order. Text between them is ignored (RFC 7468, 2).
 * @throws {InvalidDocument} when there are none, too many, or one can't be read.
 */
export function readCertificates(pem: Buffer): [X509Certificate, ...X509Certificate[]] {
  const texts = pem.toString('latin1').match(PEM_CERTIFICATE) ?? []
  if (texts.length > MAX_CERTIFICATES) throw new InvalidDocument('there are too many certificates')
  const [first, ...rest] = texts.map(readCertificate)
  if (first === undefined) throw new InvalidDocument('there is no certificate')
  return [first, ...rest]
}

function readCertificate(text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch {
    throw new InvalidDocument('a certificate can not be read')
  }
}

/**
 * The key of the first certificate, once a chain of certificates valid now leads from it to one of the roots
 * (RFC 5280, 6, without path lengths, name constraints and revocation).
 * @throws {InvalidDocument} where none does.
 */
export function trustedKey(
  [leaf, ...presented]: [X509Certificate, ...X509Certificate[]],
  { roots, dnsName, now }: { roots: readonly X509Certificate[]; dnsName: string; now: number },
): SigningKey {
  if (!isNamed(leaf, dnsName)) throw new InvalidDocument('the certificate is not for the provider')
  if (leaf.ca) throw new InvalidDocument('the certificate is one of an authority')
  const path = findPath([leaf], { roots, presented, now })
  if (path === undefined) throw new InvalidDocument('no valid chain leads from the certificate to a root')
  return {
    key: rsaKey(leaf),
    validFrom: Math.max(...path.map(({ validFromDate }) => validFromDate.getTime())),
    validTo: Math.min(...path.map(({ validToDate }) => validToDate.getTime())),
  }
}

/**
 * The key of a certificate that is trusted because of where it was read from: valid now, whoever issued it.
 */
export function currentKey(certificate: X509Certificate, now: number): SigningKey {
  if (!isCurrent(certificate, now)) throw new InvalidDocument('the certificate is not valid now')
  const { validFromDate, validToDate } = certificate
  return {
    key: rsaKey(certificate),
    validFrom: validFromDate.getTime(),
    validTo: validToDate.getTime(),
  }
}

/** The key to check a request with now, or what the request gets without one. */
export function usableKey(
  read: Fetched<SigningKey>,
  now: number,
): { key: KeyObject } | { outcome: VerificationOutcome } {
  if (read.kind === 'unavailable') return { outcome: read }
  if (read.kind === 'invalid') return { outcome: invalid(read.why) }
  const { key, validFrom, validTo } = read.value
  // It was valid when it was read and has been kept since.
  if (now < validFrom || now > validTo) return { outcome: invalid('the certificate is not valid now') }
  return { key }
}

const invalid = (why: string): VerificationOutcome => ({ kind: 'reject', reason: 'CertificateInvalid', why })

/** Whether the signature of RSA PKCS #1 v1.5 was made of the message with the key. */
export function rsaPasses(
  hash: 'sha1' | 'sha256',
  { key, message, signature }: { key: KeyObject; message: Buffer; signature: Buffer },
): boolean {
  try {
    return verify(hash, message, key, signature)
  } catch {
    // SHA-1, where the machine's policy forbids it.
    return false
  }
}

interface Search {
  roots: readonly X509Certificate[]
  presented: readonly X509Certificate[]
  now: number
}

/**
 * Depth first, roots before what the sender presents, which may hold several certificates of one authority.
 */
function findPath(path: X509Certificate[], search: Search): X509Certificate[] | undefined {
  const last = path.at(-1)
  if (last === undefined || path.length >= MAX_DEPTH || !isCurrent(last, search.now)) return undefined
  const root = search.roots.find((candidate) => isCurrent(candidate, search.now) && isIssuer(candidate, last))
  if (root !== undefined) return [...path, root]
  for (const candidate of search.presented) {
    if (path.includes(candidate) || !isIssuer(candidate, last)) continue
    const found = findPath([...path, candidate], search)
    if (found !== undefined) return found
  }
  return undefined
}

/** By name and key identifiers, then by signature; only an authority's certificate counts. */
function isIssuer(issuer: X509Certificate, subject: X509Certificate): boolean {
  return subject.checkIssued(issuer) && issuer.ca && subject.verify(issuer.publicKey)
}

function isCurrent({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now <= validToDate.getTime()
}

/** By a subject alternative name that is exactly this; the common name does not count. */
function isNamed(certificate: X509Certificate, dnsName: string): boolean {
  const options = { subject: 'never', wildcards: false, partialWildcards: false } as const
  return certificate.checkHost(dnsName, options) !== undefined
}

function rsaKey({ publicKey }: X509Certificate): KeyObject {
  const { asymmetricKeyType, asymmetricKeyDetails } = publicKey
  if (asymmetricKeyType !== 'rsa' || (asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw new InvalidDocument(`the certificate has no RSA key of at least ${MIN_RSA_BITS} bits`)
  return publicKey
}
