/** What a process counts while it works, at the cost of an addition, and gives to Prometheus when it asks. */

/** A value of now, by its labels; a label's value may hold anything. */
export interface Sample {
  labels?: Record<string, string>
  value: number
}

/**
 * Numbers that only grow, one for each of a fixed set of names: all are told from the start, so that the
 * first increase is seen as one.
 */
export interface Counts<Name extends string> {
  add(name: Name): void
  read(name: Name): number
  /** One sample for each name, as the value of the label. */
  samples(label: string): Sample[]
}

export function createCounts<Name extends string>(names: readonly Name[]): Counts<Name> {
  const counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  return {
    add(name) {
      // A name that is not of the set would be a metric that nobody expects.
      if (counts[name] !== undefined) counts[name] += 1
    },
    read: (name) => counts[name],
    samples: (label) => names.map((name) => ({ labels: { [label]: name }, value: counts[name] })),
  }
}

/**
 * Bounds in seconds, from a thousandth to a minute: from an answer at once to the longest wait of a caller.
 */
export const CALL_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]
