import { X509Certificate } from 'node:crypto'
import { getCACertificates } from 'node:tls'
import type { Fetched, ReadOptions, RemoteDocument, VerifierDeps } from '../verifier.ts'
import { InvalidDocument } from '../verifier.ts'
import type { GuardedGet } from './client.ts'
import { OutboundError } from './client.ts'
import type { Asker } from './slots.ts'
import type { Read } from './kept.ts'
import { createKept } from './kept.ts'

export interface OutboundDeps {
  get: GuardedGet
  /** Milliseconds since 1970. */
  now: () => number
  /**
   * Certificates in PEM that chains may end in; those that Node trusts, with NODE_EXTRA_CA_CERTS, when left
   * out.
   */
  roots?: () => string[]
  /** Documents kept of each kind. */
  capacity?: number
}

/** Everything is read again after a day, whatever it says of itself. */
const LONGEST_MS = 86_400_000

/** What verifiers read from elsewhere, kept for all webhooks of the process. */
export function createOutbound({ get, now, roots, capacity }: OutboundDeps): VerifierDeps {
  const kept = new Map<RemoteDocument<unknown>, ReturnType<typeof createKept<unknown>>>()
  const trustedRoots = createRoots(roots ?? (() => getCACertificates('default')))

  async function fetchDocument(
    document: RemoteDocument<unknown>,
    url: URL,
    tenant: string,
  ): Promise<Read<unknown>> {
    try {
      const asker: Asker = { pool: document.origin, tenant }
      const bytes = await get(url, asker)
      const time = now()
      const {
        value,
        expiresAt,
        usableUntil = expiresAt,
      } = document.parse(bytes, { now: time, roots: trustedRoots })
      return {
        fetched: { kind: 'found', value },
        expiresAt: Math.min(expiresAt, time + LONGEST_MS),
        usableUntil,
      }
    } catch (error) {
      const fetched = failureOf(error, `${document.name} of ${url.host}`)
      // That one tenant has no room must not be told to the others.
      return error instanceof OutboundError && error.crowded ? { fetched, isPassing: true } : { fetched }
    }
  }

  return {
    read<Value>(document: RemoteDocument<Value>, url: URL, { maxAgeMs, tenant = '' }: ReadOptions = {}) {
      let cache = kept.get(document)
      if (cache === undefined)
        kept.set(document, (cache = createKept({ now, ...(capacity === undefined ? {} : { capacity }) })))
      return cache(url.href, () => fetchDocument(document, url, tenant), maxAgeMs) as
        Fetched<Value> | Promise<Fetched<Value>>
    },
  }
}

/** Only messages of ours are told: others may quote what was received. */
function failureOf(error: unknown, what: string): Fetched<never> {
  if (error instanceof OutboundError)
    return { kind: error.definite ? 'invalid' : 'unavailable', why: `${what}: ${error.message}` }
  const why = error instanceof InvalidDocument ? error.message : 'it can not be read'
  return { kind: 'invalid', why: `${what}: ${why}` }
}

/** Parsing all roots takes some 20 ms: done once, when the first chain is checked. */
function createRoots(pem: () => string[]): () => readonly X509Certificate[] {
  let roots: X509Certificate[] | undefined
  return () => (roots ??= pem().map((text) => new X509Certificate(text)))
}
