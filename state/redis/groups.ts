import { ShortLivedMap } from '../short-lived-map.ts'
import { separately } from './separately.ts'

/** Things by partition and name. */
export interface Groups<T> {
  add(partition: number, name: string, value: T): void
  delete(partition: number, name: string): void
  /**
   * Acts on all of it that `isWanted` says, on at most `size` of one partition at a time; what was deleted
   * meanwhile is left out. A failure ends the turn of its partition and is told when the others have had
   * theirs.
   */
  each(
    size: number,
    act: (partition: number, some: T[]) => Promise<void>,
    isWanted?: (value: T) => boolean,
  ): Promise<void>
}

export function createGroups<T>(): Groups<T> {
  const groups = new Map<number, ShortLivedMap<T>>()

  function* batches(group: ShortLivedMap<T>, size: number, isWanted: (value: T) => boolean): Iterable<T[]> {
    let some: T[] = []
    // What comes while a batch is worked on is for the next time, or there would be no end to it.
    const present = [...group.entries()]
    for (const [name, value] of present) {
      if (group.get(name) !== value || !isWanted(value)) continue
      some.push(value)
      if (some.length < size) continue
      yield some
      some = []
    }
    if (some.length > 0) yield some
  }

  return {
    add(partition, name, value) {
      const group = groups.get(partition) ?? new ShortLivedMap<T>()
      groups.set(partition, group)
      group.set(name, value)
    },
    delete(partition, name) {
      groups.get(partition)?.delete(name)
    },
    each: (size, act, isWanted = () => true) =>
      separately(groups, async ([partition, group]) => {
        for (const some of batches(group, size, isWanted)) await act(partition, some)
      }),
  }
}
