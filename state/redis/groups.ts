import { ShortLivedMap } from '../short-lived-map.ts'

/** Things by partition and name. */
export interface Groups<T> {
  add(partition: number, name: string, value: T): void
  delete(partition: number, name: string): void
  /** All of it, at most so many of one partition at a time. */
  batches(size: number): Iterable<[number, T[]]>
}

export function createGroups<T>(): Groups<T> {
  const groups = new Map<number, ShortLivedMap<T>>()
  return {
    add(partition, name, value) {
      const group = groups.get(partition) ?? new ShortLivedMap<T>()
      groups.set(partition, group)
      group.set(name, value)
    },
    delete(partition, name) {
      groups.get(partition)?.delete(name)
    },
    *batches(size) {
      for (const [partition, group] of groups) {
        const values = [...group.entries()].map(([, value]) => value)
        for (let from = 0; from < values.length; from += size)
          yield [partition, values.slice(from, from + size)]
      }
    },
  }
}
