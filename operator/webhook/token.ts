import type { ObjectMeta } from '../../crds/object.ts'
import { namespaceOf } from '../source.ts'

/** What a URL token may be: hard to guess, and nothing that a URL would have to encode. */
export const TOKEN_PATTERN = /^[A-Za-z0-9_-]{22,128}$/

/** 24 bytes are exactly 32 characters in base64url. */
const TOKEN_BYTES = 24

/** A new URL token of 32 characters. `random` gives that many bytes from a cryptographic source. */
export function createToken(random: (bytes: number) => Buffer): string {
  return random(TOKEN_BYTES).toString('base64url')
}

/** Two Webhooks with one token: the older keeps it; of equal age, the first by namespace and name. */
export function compareAge(a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): number {
  return (
    time(a) - time(b) ||
    compareText(namespaceOf(a), namespaceOf(b)) ||
    compareText(a.metadata.name, b.metadata.name)
  )
}

const time = ({ metadata }: { metadata: ObjectMeta }): number =>
  Date.parse(metadata.creationTimestamp ?? '') || 0

const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

/** Who claims which token. Kept over time, it tells whose standing changes when a claim comes or goes. */
export interface TokenClaims<Claimant extends { metadata: ObjectMeta }> {
  /** Records the token that the claimant wants now; undefined withdraws. Returns the others whose ownership may have changed. */
  claim(claimant: Claimant, token: string | undefined): Claimant[]
  /** The oldest claimant. */
  owner(token: string): Claimant | undefined
}

export function createTokenClaims<Claimant extends { metadata: ObjectMeta }>(): TokenClaims<Claimant> {
  const claimants = new Map<string, Claimant[]>()
  const tokens = new Map<string, string>()
  const keyOf = (claimant: Claimant): string => `${namespaceOf(claimant)}/${claimant.metadata.name}`
  const others = (token: string, key: string): Claimant[] =>
    (claimants.get(token) ?? []).filter((claimant) => keyOf(claimant) !== key)
  return {
    claim(claimant, token) {
      const key = keyOf(claimant)
      const before = tokens.get(key)
      const affected: Claimant[] = []
      if (before !== undefined && before !== token) {
        const rest = others(before, key)
        if (rest.length === 0) claimants.delete(before)
        else claimants.set(before, rest)
        tokens.delete(key)
        affected.push(...rest)
      }
      if (token === undefined) return affected
      const rest = others(token, key)
      const owner = claimants.get(token)?.[0]
      const claiming = [...rest, claimant].toSorted(compareAge)
      tokens.set(key, token)
      claimants.set(token, claiming)
      // Nobody's standing changes when a claim is only repeated.
      const repeated = before === token && owner && claiming[0] && keyOf(owner) === keyOf(claiming[0])
      return repeated ? affected : [...affected, ...rest]
    },
    owner: (token) => claimants.get(token)?.[0],
  }
}
