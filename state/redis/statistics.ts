import type { Statistics } from '../statistics.ts'
import { sumOf } from '../statistics.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import type { Scripts } from './script.ts'

export interface StatisticsDeps {
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
}

/** How many partitions are asked at once, so that calls need not wait behind all of them. */
const breadth = 64

/** Makes the act that asks every partition: one small script each, since in a Cluster each is elsewhere. */
export function createStatistics(deps: StatisticsDeps): () => Promise<Statistics> {
  const { keys, scripts, settings, connection } = deps
  const { partitions, backlogBytes, parked: mostParked } = settings

  async function ask(partition: number): Promise<Statistics> {
    const names = [keys.events, keys.deadLetters, keys.parked, keys.backlog, keys.deferred]
    const answer = await connection.run(
      scripts.statistics,
      names.map((key) => key(partition)),
      [],
    )
    const [events = 0, oldestEventMs = 0, bytes = 0, parkedRuns = 0, dueRuns = 0, ...more] =
      answer as number[]
    const [deadLetters = 0, ever = 0, deferredEvents = 0] = more
    return {
      events,
      deferredEvents,
      oldestEventMs,
      fullest: Math.max(bytes / backlogBytes, parkedRuns / mostParked),
      parkedRuns,
      dueRuns,
      deadLetters,
      deadLettersEver: ever,
    }
  }

  return async () => {
    const all: Statistics[] = []
    for (let from = 0; from < partitions; from += breadth) {
      const some = Array.from({ length: Math.min(breadth, partitions - from) }, (_, nth) => ask(from + nth))
      all.push(...(await Promise.all(some)))
    }
    return sumOf(all)
  }
}
