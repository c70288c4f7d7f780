/** From the object's root: keys and list indices. */
export type Path = readonly (string | number)[]

/**
 * Something in a manifest that its author must change: where, and one sentence that goes with the place and
 * ends without a full stop.
 */
export interface Fault {
  path: Path
  message: string
}

/** As kubectl writes it: `spec.do[0].greet.call`; a key that is not a plain name is quoted. */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (!/^[\w$-]+$/.test(part)) text += `[${JSON.stringify(part)}]`
    else text += text ? `.${part}` : part
  }
  return text
}

/** RFC 6901: `/spec/do/0/greet/call`. */
export function formatPointer(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** `, did you mean "then"?` when one of the names is close to the word, else nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const name = closest(word, names)
  return name === undefined ? '' : `, did you mean "${name}"?`
}

/**
 * The name that the word most likely stands for: at most two letters off, and fewer than half of the word's.
 */
export function closest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > MAX_WORD_LENGTH) return undefined
  const limit = Math.min(2, Math.floor((word.length - 1) / 2))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const name of names) {
    if (name !== word && name.toLowerCase() === word.toLowerCase()) return name
    if (Math.abs(name.length - word.length) >= bestDistance) continue
    const distance = editDistance(word, name)
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

const MAX_WORD_LENGTH = 64

/**
 * Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal
 * string alignment).
 */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
