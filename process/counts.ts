/** What a process counts while it works, at the cost of an addition, and gives to Prometheus when it asks. */
import type { Metric, Sample } from './metrics.ts'

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

/** The metric of {@link Counts}. */
export function counted<Name extends string>(
  name: string,
  { help, label, counts }: { help: string; label: string; counts: Counts<Name> },
): Metric {
  return { name, help, type: 'counter', read: () => counts.samples(label) }
}

/** How values are spread: how many are at most so large, for each of some bounds. */
export interface Histogram {
  /** What is below 0, for a clock was set back, counts as 0. */
  observe(value: number): void
  samples(labels?: Record<string, string>): Sample[]
}

/** `bounds` in ascending order. */
export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = bounds.map(() => 0)
  let count = 0
  let sum = 0

  return {
    observe(value) {
      const shown = Math.max(0, value)
      count += 1
      sum += shown
      const bucket = bounds.findIndex((bound) => shown <= bound)
      if (bucket !== -1) counts[bucket] = (counts[bucket] ?? 0) + 1
    },
    samples(labels = {}) {
      let below = 0
      const buckets = bounds.map((bound, index) => {
        below += counts[index] ?? 0
        return { part: '_bucket', labels: { ...labels, le: String(bound) }, value: below } as const
      })
      return [
        ...buckets,
        { part: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
        { part: '_sum', labels, value: sum },
        { part: '_count', labels, value: count },
      ]
    },
  }
}

/**
 * Bounds in seconds, from a thousandth to a minute: from an answer at once to the longest wait of a caller.
 */
export const CALL_SECONDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]
