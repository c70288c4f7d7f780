import type { Delivery } from '../state.ts'
import type { Connection } from './connection.ts'
import { decodeEvent } from './event-format.ts'
import type { Held } from './held.ts'
import type { Keys } from './keys.ts'
import { group } from './keys.ts'
import type { Settings } from './options.ts'
import { leastWeight } from './options.ts'
import type { Presence } from './presence.ts'
import type { Scripts } from './script.ts'

/**
 * Takes at most `count` deliveries of a partition, which are held from then on; `abandoned`: those of silent
 * runners as well.
 */
export type Take = (partition: number, count: number, abandoned: boolean) => Promise<Delivery[]>

export interface TakeDeps {
  consumer: string
  /** By what name a script finds this runner when there is work. */
  idleName: string
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
  held: Held
  presence: Presence
  /** Called with the head of each event that was put aside. */
  onPutAside: (head: Buffer) => Promise<void>
}

type Work = [
  runs: [Buffer, number, Buffer, number][],
  events: [Buffer, number, Buffer, Buffer][],
  putAside: Buffer[],
]

export function createTake(deps: TakeDeps): Take {
  const { consumer, idleName, keys, scripts, settings, connection, held, presence, onPutAside } = deps
  const { sweepMs, lapseMs, maxAttempts, deadLetters, onError } = settings
  const least = leastWeight(settings)

  function ask(partition: number, count: number, abandoned: boolean): Promise<unknown> {
    const names = [
      keys.events(partition),
      keys.parked(partition),
      keys.idle(partition),
      keys.deadLetters(partition),
      keys.backlog(partition),
      keys.attempts(partition),
    ]
    return connection.runForBuffers(scripts.read, names, [
      group,
      consumer,
      count,
      lapseMs,
      maxAttempts,
      deadLetters,
      abandoned ? '1' : '0',
      idleName,
      sweepMs * 10,
      keys.run(partition, ''),
      keys.line(partition, ''),
      least,
      presence.isCertain(partition) ? '1' : '0',
      ...held.idsOf(partition, abandoned),
    ])
  }

  return async (partition, count, abandoned) => {
    try {
      const [runs, events, putAside] = (await ask(partition, count, abandoned)) as Work
      presence.answered(partition)
      for (const head of putAside) onPutAside(head).catch(onError)
      const resumed = runs.map((run) => resumeOf(partition, run))
      for (const delivery of resumed) held.add(delivery, 0)
      const begun = events.map((event) => eventOf(partition, event))
      for (const [index, [, , head, body]] of events.entries()) {
        const delivery = begun[index]
        if (delivery !== undefined) held.add(delivery, Math.max(head.length + body.length, least))
      }
      return [...resumed, ...begun]
    } catch (error) {
      presence.missed(partition)
      throw error
    }
  }
}

function resumeOf(partition: number, [runId, epoch, checkpoint, attempts]: Work[0][number]): Delivery {
  const run = { partition, runId: runId.toString(), epoch }
  return { kind: 'resume', run, checkpoint: JSON.parse(checkpoint.toString()), attempts }
}

function eventOf(partition: number, [entry, deliveries, head, body]: Work[1][number]): Delivery {
  return { kind: 'event', partition, entry: entry.toString(), event: decodeEvent(head, body), deliveries }
}
