import type { Json } from '../../state/event.ts'
import { DECODING } from './limits.ts'

/**
 * A query or an urlencoded form as an object, of its first 5,000 pairs. Never throws: broken percent-encoding
 * stays as it is.
 */
export function parsePairs(text: string): { [name: string]: Json } {
  return text === '' ? {} : collect(new URLSearchParams(text))
}

/**
 * Names that come once have their value, others an array in the order they came in. Any name is safe,
 * `__proto__` too.
 */
export function collect(pairs: Iterable<[name: string, value: Json]>): { [name: string]: Json } {
  const values = new Map<string, Json[]>()
  let count = 0
  for (const [name, value] of pairs) {
    if (++count > DECODING.pairs) break
    const known = values.get(name)
    if (known) known.push(value)
    else values.set(name, [value])
  }
  return Object.fromEntries(
    [...values].map(([name, all]) => [name, all.length === 1 ? (all[0] ?? null) : all]),
  )
}

/** Whether a form has no more pairs than are taken. */
export function isFewPairs(text: string): boolean {
  let count = 1
  for (let at = text.indexOf('&'); at !== -1 && count <= DECODING.pairs; at = text.indexOf('&', at + 1))
    count++
  return count <= DECODING.pairs
}
