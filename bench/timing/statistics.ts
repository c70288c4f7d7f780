/** How well a single measurement tells two samples apart. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

/**
 * The probability that a value of `b` is larger than one of `a`, ties counted by half (Mann and Whitney's U,
 * divided by the number of pairs): 0.5 when neither tends to be. It takes outliers for what they are: one
 * value each.
 */
export function probabilityLarger(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, ofB: false })), ...b.map((value) => ({ value, ofB: true }))]
  all.sort((one, other) => one.value - other.value)
  let ranksOfB = 0
  for (let from = 0; from < all.length;) {
    let to = from
    while (all[to]?.value === all[from]?.value && to < all.length) to++
    const rank = (from + to + 1) / 2
    for (let at = from; at < to; at++) if (all[at]?.ofB) ranksOfB += rank
    from = to
  }
  return (ranksOfB - (b.length * (b.length + 1)) / 2) / (a.length * b.length)
}

/** The standard error of {@link probabilityLarger} when both samples are of one distribution. */
export function standardError(a: number, b: number): number {
  return Math.sqrt((a + b + 1) / (12 * a * b))
}
