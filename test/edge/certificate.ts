import { createCertificate, ecKeys, privatePem } from '../support/certificates.ts'

const DAY_MS = 86_400_000

/** A server's certificate for the names, its key, and whom callers have to trust; all in PEM. */
export function certificateFor(names: string[]): { certificate: string; key: string; authority: string } {
  const now = Date.now()
  const period = { validFrom: now - DAY_MS, validTo: now + DAY_MS }
  const authority = createCertificate({ subject: 'Authority', keys: ecKeys(), ca: true, ...period })
  const own = createCertificate({
    subject: names[0] ?? '',
    keys: ecKeys(),
    issuer: authority,
    dnsNames: names,
    ...period,
  })
  return { certificate: own.pem, key: privatePem(own), authority: authority.pem }
}
