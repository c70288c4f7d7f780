import type { Rejection, VerificationOutcome } from './verifier.ts'

/** What verifications of one type came to so far. */
export interface TallyEntry {
  /** The type of the verification, for example GitHub. */
  type: string
  result: VerificationOutcome['kind']
  /** Of a rejection. */
  reason: Rejection | ''
  count: number
}

/** How verifications ended, by type and outcome: a few dozen numbers, however many webhooks there are. */
export interface Tally {
  add(type: string, outcome: VerificationOutcome): void
  entries(): Iterable<Readonly<TallyEntry>>
}

export function createTally(): Tally {
  /** By type, then by reason or, where there is none, outcome. */
  const tallies = new Map<string, Map<string, TallyEntry>>()

  return {
    add(type, outcome) {
      let entries = tallies.get(type)
      if (entries === undefined) tallies.set(type, (entries = new Map()))
      const reason = outcome.kind === 'reject' ? outcome.reason : ''
      const key = reason || outcome.kind
      const entry = entries.get(key)
      if (entry === undefined) entries.set(key, { type, result: outcome.kind, reason, count: 1 })
      else entry.count++
    },
    entries: () => [...tallies.values()].flatMap((entries) => [...entries.values()]),
  }
}
