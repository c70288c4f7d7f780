/** What was made for this key before, or what is made now. Equal keys mean equal things, which nobody changes. */
export type Share<T> = (key: string, make: () => T) => T

/** How many are known at once; those of former routes go with the others. */
const most = 1_000
/** In characters. What is longer is hardly equal to another one. */
const longestKey = 4_096

export function createShare<T>(): Share<T> {
  const known = new Map<string, T>()
  return (key, make) => {
    if (key.length > longestKey) return make()
    const present = known.get(key)
    if (present !== undefined) return present
    const made = make()
    if (known.size === most) known.clear()
    known.set(key, made)
    return made
  }
}
