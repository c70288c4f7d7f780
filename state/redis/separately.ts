/** How many acts are under way at once: so many scripts stand in the way of a call at most. */
const atOnce = 8

/**
 * Acts on each item, on some at once. That an act fails or hangs keeps no other from its turn: a part of a
 * Redis Cluster may be away. Rejects with the first failure when all are done.
 */
export async function separately<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const failures: unknown[] = []

  async function work(): Promise<void> {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      await act(next).catch((error: unknown) => void failures.push(error))
  }

  await Promise.all(Array.from({ length: Math.min(atOnce, left.length) }, work))
  if (failures.length > 0) throw failures[0]
}
