import { ShortLivedMap } from '../short-lived-map.ts'
import type { Delivery } from '../state.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import { group } from './keys.ts'
import type { Settings } from './options.ts'
import type { Presence } from './presence.ts'
import type { Scripts } from './script.ts'
import { separately } from './separately.ts'

/** What is kept of an event that is worked on. */
export interface HeldEvent {
  /** The WebSocket that it is of. */
  socket: string | undefined
  /** For how many bytes it counts in the backlog. */
  weight: number
}

/**
 * What a runner works on: events that are not acknowledged and resumed runs that are neither parked nor over.
 */
export interface Held {
  add(delivery: Delivery, weight: number): void
  dropEvent(partition: number, entry: string): void
  event(partition: number, entry: string): HeldEvent | undefined
  dropRun(partition: number, runId: string): void
  /** Of all runs that are held in the partition; with `entries` of the events as well. */
  idsOf(partition: number, entries: boolean): string[]
  /** Tells Redis that it is still worked on. */
  renew(): Promise<void>
  /** Gives all of it to other runners, now. */
  handOver(): Promise<void>
}

export interface HeldDeps {
  consumer: string
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
  presence: Presence
}

interface HeldWork {
  /** By their places in the stream. */
  entries: ShortLivedMap<HeldEvent>
  runs: Set<string>
}

/** How many entries and runs go into one script, so that none holds Redis up. */
const batch = 100

export function createHeld({ consumer, keys, scripts, settings, connection, presence }: HeldDeps): Held {
  const partitions = new Map<number, HeldWork>()

  function of(partition: number): HeldWork {
    const known = partitions.get(partition)
    if (known !== undefined) return known
    const created = { entries: new ShortLivedMap<HeldEvent>(), runs: new Set<string>() }
    partitions.set(partition, created)
    return created
  }

  function hold(lapseMs: number): Promise<void> {
    return separately(partitions.keys(), (partition) =>
      holdIn(partition, lapseMs).catch((error: unknown) => {
        presence.missed(partition)
        throw error
      }),
    )
  }

  async function holdIn(partition: number, lapseMs: number): Promise<void> {
    const { entries, runs } = of(partition)
    const all = [...entries.keys()]
      .map((id) => ({ id, isRun: false }))
      .concat([...runs].map((id) => ({ id, isRun: true })))
    for (let from = 0; from < all.length; from += batch) {
      const some = all.slice(from, from + batch)
      const runIds = some.filter(({ isRun }) => isRun).map(({ id }) => id)
      const entryIds = some.filter(({ isRun }) => !isRun).map(({ id }) => id)
      const names = [keys.events(partition), keys.parked(partition), keys.idle(partition)]
      const args = [group, consumer, lapseMs, partition, entryIds.length, ...entryIds, ...runIds]
      await connection.run(
        scripts.hold,
        [...names, ...runIds.map((runId) => keys.run(partition, runId))],
        args,
      )
    }
  }

  return {
    add(delivery, weight) {
      if (delivery.kind === 'event')
        of(delivery.partition).entries.set(delivery.entry, { socket: delivery.event.socket?.id, weight })
      else of(delivery.run.partition).runs.add(delivery.run.runId)
    },
    dropEvent: (partition, entry) => void of(partition).entries.delete(entry),
    event: (partition, entry) => partitions.get(partition)?.entries.get(entry),
    dropRun: (partition, runId) => void of(partition).runs.delete(runId),
    idsOf(partition, entries) {
      const known = partitions.get(partition)
      if (known === undefined) return []
      return entries ? [...known.entries.keys(), ...known.runs] : [...known.runs]
    },
    async renew() {
      presence.renewed()
      await hold(settings.lapseMs)
    },
    async handOver() {
      await hold(0)
      partitions.clear()
    },
  }
}
