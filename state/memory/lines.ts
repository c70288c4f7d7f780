/**
 * The events of connections: one of each is on its way to the runners, the others wait for it. The first of a
 * line is not kept here.
 */
export interface Lines<T> {
  /** True: the event is the first of its line. */
  join(connection: string, event: T): boolean
  /** The first one is done: gives the next, which is on its way now. */
  advance(connection: string): T | undefined
  waitingOf(connection: string): number
  /** How many wait in all lines. */
  readonly waiting: number
}

export function createLines<T>(): Lines<T> {
  const lines = new Map<string, T[]>()
  let waiting = 0

  return {
    join(connection, event) {
      const line = lines.get(connection)
      if (line === undefined) {
        lines.set(connection, [])
        return true
      }
      line.push(event)
      waiting += 1
      return false
    },
    advance(connection) {
      const next = lines.get(connection)?.shift()
      if (next === undefined) lines.delete(connection)
      else waiting -= 1
      return next
    },
    waitingOf: (connection) => lines.get(connection)?.length ?? 0,
    get waiting() {
      return waiting
    },
  }
}
