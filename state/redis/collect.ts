/** Takes an item of a group, such as a partition; settles as the act on it does. */
export type Collector<T, R> = (group: number, item: T) => Promise<R>

/** What one act may hold, so that no script holds Redis up, and when it is done. */
export interface CollectorOptions<T> {
  /** Calls back when nothing more is to be collected. */
  defer: (flush: () => void) => void
  items: number
  /** Called as soon as there are so many, of all groups: they may be acted on now. */
  onFull?: () => void
  /** With `sizeOf`: the sum of the items' sizes; a single larger one goes alone. */
  size?: number
  sizeOf?: (item: T) => number
  /** What is to be together in an act; the order in which it came by default, and where this says 0. */
  compare?: (one: T, other: T) => number
}

interface Pending<T, R> {
  item: T
  resolve: (result: R) => void
  reject: (error: unknown) => void
}

/**
 * Collects items of a group for as long as `defer` has it, and acts on them together. Until the end of a
 * turn of the event loop it is a script for many under load, and alone no later than without, for that is
 * when commands leave. `act` returns a result for each item, in their order.
 */
export function createCollector<T, R>(
  act: (group: number, items: T[]) => Promise<R[]>,
  { defer, onFull, items: most, size = Infinity, sizeOf = () => 0, compare }: CollectorOptions<T>,
): Collector<T, R> {
  let collected = new Map<number, Pending<T, R>[]>()
  let count = 0

  function flush(): void {
    const groups = collected
    collected = new Map()
    count = 0
    for (const [group, pending] of groups) for (const some of portions(pending)) void settle(group, some)
  }

  async function settle(group: number, some: Pending<T, R>[]): Promise<void> {
    if (compare !== undefined) some.sort(({ item: one }, { item: other }) => compare(one, other))
    try {
      const results = await act(
        group,
        some.map(({ item }) => item),
      )
      for (const [index, { resolve }] of some.entries()) resolve(results[index] as R)
    } catch (error) {
      for (const { reject } of some) reject(error)
    }
  }

  function* portions(pending: Pending<T, R>[]): Iterable<Pending<T, R>[]> {
    let some: Pending<T, R>[] = []
    let sum = 0
    for (const one of pending) {
      const own = sizeOf(one.item)
      if (some.length > 0 && (some.length >= most || sum + own > size)) {
        yield some
        some = []
        sum = 0
      }
      some.push(one)
      sum += own
    }
    if (some.length > 0) yield some
  }

  return (group, item) =>
    new Promise((resolve, reject) => {
      if (collected.size === 0) defer(flush)
      const pending = collected.get(group)
      if (pending === undefined) collected.set(group, [{ item, resolve, reject }])
      else pending.push({ item, resolve, reject })
      count += 1
      if (count === most) onFull?.()
    })
}
