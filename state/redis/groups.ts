import { ShortLivedMap } from '../short-lived-map.ts'

/** Things by partition and name. */
export interface Groups<T> {
  add(partition: number, name: string, value: T): void
  delete(partition: number, name: string): void
  /** All of it that `isWanted` says, at most so many of one partition at a time; what was deleted meanwhile is left out. */
  batches(size: number, isWanted?: (value: T) => boolean): Iterable<[number, T[]]>
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
    *batches(size, isWanted = () => true) {
      for (const [partition, group] of groups) {
        let some: T[] = []
        // What comes while a batch is worked on is for the next time, or there would be no end to it.
        const present = [...group.entries()]
        for (const [name, value] of present) {
          if (group.get(name) !== value || !isWanted(value)) continue
          some.push(value)
          if (some.length < size) continue
          yield [partition, some]
          some = []
        }
        if (some.length > 0) yield [partition, some]
      }
    },
  }
}
