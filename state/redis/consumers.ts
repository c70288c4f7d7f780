import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import { group } from './keys.ts'
import type { Settings } from './options.ts'
import type { Scripts } from './script.ts'
import { separately } from './separately.ts'

/** The names of runners in the consumer groups: each start of a process brings a new one. */
export interface Consumers {
  /** Removes this one, where it has nothing. */
  leave(): Promise<void>
  /** Removes those that died long ago. */
  forget(): Promise<void>
}

export interface ConsumersDeps {
  consumer: string
  idleName: string
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
}

export function createConsumers(deps: ConsumersDeps): Consumers {
  const { consumer, idleName, keys, scripts, settings, connection } = deps
  const partitions = Array.from({ length: settings.partitions }, (_, partition) => partition)
  return {
    async leave() {
      // All at once, so that a Redis that hangs keeps no process from its end.
      await Promise.all(
        partitions.map((partition) => {
          const names = [keys.events(partition), keys.idle(partition)]
          return connection.run(scripts.leave, names, [group, consumer, idleName])
        }),
      )
    },
    forget: () =>
      separately(partitions, async (partition) => {
        const args = [group, settings.consumerTtlMs]
        await connection.run(scripts['forget-consumers'], [keys.events(partition)], args)
      }),
  }
}
