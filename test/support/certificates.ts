/**
 * Makes X.509 certificates (RFC 5280) with nothing but node:crypto, so that a test can have any kind of bad
 * one and needs no program of the machine.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export interface Certificate {
  pem: string
  /** The common name. */
  subject: string
  keys: KeyPair
}

export interface CertificateRequest {
  subject: string
  /** Who signs; itself when left out. */
  issuer?: Pick<Certificate, 'subject' | 'keys'>
  keys: KeyPair
  /** Milliseconds since 1970. */
  validFrom: number
  validTo: number
  /** Left out: no basic constraints, as in certificates of servers. */
  ca?: boolean
  dnsNames?: string[]
  ipAddresses?: string[]
}

export const rsaKeys = (modulusLength = 2048): KeyPair => generateKeyPairSync('rsa', { modulusLength })
export const ecKeys = (namedCurve = 'prime256v1'): KeyPair => generateKeyPairSync('ec', { namedCurve })

export function createCertificate(request: CertificateRequest): Certificate {
  const { subject, issuer = request, keys, ca, dnsNames = [], ipAddresses = [] } = request
  const algorithm = signatureAlgorithm(issuer.keys.privateKey)
  const extensions: Buffer[] = []
  if (ca !== undefined) extensions.push(extension('2.5.29.19', sequence(...(ca ? [TRUE] : []))))
  if (ca === true) extensions.push(extension('2.5.29.15', der(0x03, Buffer.from([1, 0b0000_0110]))))
  const names = [
    ...dnsNames.map((name) => der(0x82, Buffer.from(name, 'latin1'))),
    ...ipAddresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ]
  if (names.length > 0) extensions.push(extension('2.5.29.17', sequence(...names)))
  const content = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    nameOf(issuer.subject),
    sequence(timeOf(request.validFrom), timeOf(request.validTo)),
    nameOf(subject),
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  )
  const signature = sign('sha256', content, issuer.keys.privateKey)
  const certificate = sequence(content, algorithm, der(0x03, Buffer.from([0]), signature))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    subject,
    keys,
  }
}

/** The private key in PEM, as a TLS server takes it. */
export const privatePem = ({ keys }: Certificate): string =>
  keys.privateKey.export({ format: 'pem', type: 'pkcs8' })

const TRUE = Buffer.from([0x01, 0x01, 0xff])
const NULL = Buffer.from([0x05, 0x00])

function signatureAlgorithm({ asymmetricKeyType }: KeyObject): Buffer {
  return asymmetricKeyType === 'ec'
    ? sequence(objectId('1.2.840.10045.4.3.2'))
    : sequence(objectId('1.2.840.113549.1.1.11'), NULL)
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), der(0x04, value))
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(objectId('2.5.4.3'), der(0x0c, Buffer.from(commonName)))))
}

/** In the form that the year asks for (RFC 5280, 4.1.2.5). */
function timeOf(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replace(/[^\d]/g, '').slice(0, 14)}Z`
  const year = Number(digits.slice(0, 4))
  return year >= 1950 && year < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits))
}

function objectId(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) + 128)
    return digits
  })
  return der(0x06, Buffer.from(bytes))
}

const integer = (bytes: Buffer): Buffer => der(0x02, bytes)
const sequence = (...parts: Buffer[]): Buffer => der(0x30, ...parts)

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const long = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...(length < 128 ? [length] : long)]), content])
}
