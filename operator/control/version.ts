/**
 * Whether resource version `a` is the same as `b` or newer. The API server makes them as decimal numbers that
 * grow with each write of a resource type, and says that they may be compared.
 */
export function isAtLeast(a: string | undefined, b: string | undefined): boolean {
  if (b === undefined) return true
  if (a === undefined) return false
  return a.length === b.length ? a >= b : a.length > b.length
}
