import type { ObjectMeta } from '../../crds/object.ts'
import { namespaceOf, type ObjectName } from '../source.ts'

/** What a URL token may be: hard to guess, and nothing that a URL would have to encode. */
export const TOKEN_PATTERN = /^[A-Za-z0-9_-]{22,128}$/

/** 24 bytes are exactly 32 characters in base64url. */
const TOKEN_BYTES = 24

/** A new URL token of 32 characters. `random` gives that many bytes from a cryptographic source. */
export function createToken(random: (bytes: number) => Buffer): string {
  return random(TOKEN_BYTES).toString('base64url')
}

/** The older first; of equal age, by namespace and name. */
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

/**
 * Who claims which token. Who has a token keeps it as long as it claims it: another Webhook, however old,
 * can't take a URL away from callers by pinning its token. When the holder leaves, the oldest of the others
 * follows.
 */
export interface TokenClaims<Claimant extends { metadata: ObjectMeta }> {
  /**
   * Records the token that the claimant wants now; undefined withdraws. Returns the others whose standing may
   * have changed.
   */
  claim(claimant: Claimant, token: string | undefined): Claimant[]
  /** The claimant of this name is gone. Returns as {@link claim}. */
  leave(name: ObjectName): Claimant[]
  owner(token: string): Claimant | undefined
}

export function createTokenClaims<Claimant extends { metadata: ObjectMeta }>(): TokenClaims<Claimant> {
  /** The holder first, the others by age. */
  const claimants = new Map<string, Claimant[]>()
  const tokens = new Map<string, string>()
  const keyOf = (claimant: Claimant): string => `${namespaceOf(claimant)}/${claimant.metadata.name}`

  function withdraw(token: string, key: string): Claimant[] {
    const rest = (claimants.get(token) ?? []).filter((claimant) => keyOf(claimant) !== key)
    if (rest.length === 0) claimants.delete(token)
    else claimants.set(token, rest)
    tokens.delete(key)
    return rest
  }

  function enter(token: string, claimant: Claimant): void {
    const key = keyOf(claimant)
    const [holder, ...others] = claimants.get(token) ?? []
    tokens.set(key, token)
    if (!holder || keyOf(holder) === key) claimants.set(token, [claimant, ...others])
    else {
      const rest = others.filter((other) => keyOf(other) !== key)
      claimants.set(token, [holder, ...[...rest, claimant].toSorted(compareAge)])
    }
  }

  return {
    claim(claimant, token) {
      const key = keyOf(claimant)
      const before = tokens.get(key)
      const affected = before === undefined || before === token ? [] : withdraw(before, key)
      if (token !== undefined) enter(token, claimant)
      return affected
    },
    leave({ namespace, name }) {
      const key = `${namespace}/${name}`
      const token = tokens.get(key)
      return token === undefined ? [] : withdraw(token, key)
    },
    owner: (token) => claimants.get(token)?.[0],
  }
}
