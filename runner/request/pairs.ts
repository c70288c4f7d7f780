import type { Json } from '../../state/event.ts'

/** More pairs than this are left out: a body of 256 KiB could hold 100,000. */
export const MAX_PAIRS = 5000

/** A query or an urlencoded form as an object. Never throws: broken percent-encoding stays as it is. */
export function parsePairs(text: string): { [name: string]: Json } {
  return collect(new URLSearchParams(text))
}

/** Names that come once have their value, others an array in the order they came in. Any name is safe, `__proto__` too. */
export function collect(pairs: Iterable<[name: string, value: Json]>): { [name: string]: Json } {
  const values = new Map<string, Json[]>()
  let count = 0
  for (const [name, value] of pairs) {
    if (++count > MAX_PAIRS) break
    const known = values.get(name)
    if (known) known.push(value)
    else values.set(name, [value])
  }
  return Object.fromEntries(
    [...values].map(([name, all]) => [name, all.length === 1 ? (all[0] ?? null) : all]),
  )
}
