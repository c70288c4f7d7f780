import { lapsedEvent } from '../socket-event.ts'
import type { Connection } from './connection.ts'
import { decodeHead } from './event-format.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import type { Presence } from './presence.ts'
import type { Scripts } from './script.ts'
import { separately } from './separately.ts'
import { endSocket } from './sockets.ts'

export interface LapsedDeps {
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
  presence: Presence
}

/** How many ends are recorded at once. */
const batch = 100

/** Makes the act that records the end of WebSockets whose pods have died; to be repeated. */
export function createLapsedRecorder(deps: LapsedDeps): () => Promise<void> {
  const { keys, scripts, connection, presence } = deps
  const { clock, partitions } = deps.settings

  async function record(partition: number): Promise<void> {
    for (;;) {
      // Of one that may have been away it is only asked whether it answers.
      const most = presence.isCertain(partition) ? batch : 0
      const lapsed = (await connection.run(
        scripts['lapsed-connections'],
        [keys.connections(partition)],
        [most, keys.connection(partition, '')],
      )) as [id: string, head: string, places: string][]
      presence.answered(partition)
      await Promise.all(
        lapsed.map(([id, head, places]) => {
          const event = lapsedEvent(decodeHead(Buffer.from(head)), clock.now())
          return endSocket(deps, { partition, id, places }, event, { onlyLapsed: true })
        }),
      )
      if (most === 0 || lapsed.length < most) return
    }
  }

  return () =>
    separately(Array.from({ length: partitions }).keys(), (partition) =>
      record(partition).catch((error: unknown) => {
        presence.missed(partition)
        throw error
      }),
    )
}
