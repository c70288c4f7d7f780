import { lapsedEvent } from '../socket-event.ts'
import type { Connection } from './connection.ts'
import { decodeHead } from './event-format.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import type { Scripts } from './script.ts'
import { endSocket } from './sockets.ts'

export interface LapsedDeps {
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
}

/** How many ends are recorded at once. */
const batch = 100

/**
 * Makes the act that records the end of WebSockets whose pods have died; to be repeated. After Redis was away, pods get the time in which they renew
 * what they hold, before anything counts as lapsed.
 */
export function createLapsedRecorder(deps: LapsedDeps): () => Promise<void> {
  const { keys, scripts, connection } = deps
  const { clock, lapseMs, partitions } = deps.settings
  let waitUntil = -Infinity

  async function record(partition: number): Promise<void> {
    for (;;) {
      const lapsed = (await connection.run(
        scripts['lapsed-connections'],
        [keys.connections(partition)],
        [batch, keys.connection(partition, '')],
      )) as [id: string, head: string, places: string][]
      await Promise.all(
        lapsed.map(([id, head, places]) => {
          const event = lapsedEvent(decodeHead(Buffer.from(head)), clock.now())
          return endSocket(deps, { partition, id, places }, event, { onlyLapsed: true })
        }),
      )
      if (lapsed.length < batch) return
    }
  }

  return async () => {
    if (clock.now() < waitUntil) return
    try {
      for (let partition = 0; partition < partitions; partition += 1) await record(partition)
    } catch (error) {
      waitUntil = clock.now() + lapseMs
      throw error
    }
  }
}
