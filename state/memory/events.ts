import type { CallEvent } from '../event.ts'
import type { EventDelivery } from '../state.ts'
import type { Statistics } from '../statistics.ts'
import type { Places } from '../rooms.ts'
import { flowOf } from '../rooms.ts'
import { FairFifo } from './fair-fifo.ts'
import { createLines } from './lines.ts'

/** The accepted events of a partition that were not acknowledged yet. */
export interface Events {
  /** Whether there is room for one more, of the WebSocket when one is named. */
  hasRoom(socketId?: string): boolean
  append(event: CallEvent): void
  /** The next event that has a place, now kept from others until the consumer settles it or is closed. */
  take(consumer: string, places: Places): EventDelivery | undefined
  /** False when the consumer does not have it (any more), or has got it again since. */
  settle(delivery: Pick<EventDelivery, 'entry' | 'deliveries'>, consumer: string): boolean
  /** See `Statistics`. */
  statistics(): Pick<Statistics, 'events' | 'deferredEvents' | 'oldestEventMs' | 'fullest'>
  /** How many consumers have failed at the event since it came further last. */
  attempts(entry: string): number
  /** A run of the event has come further. */
  advanced(entry: string): void
  /** Gives what the consumer has back to the queue, before everything that waits. */
  handOver(consumer: string): void
  /** The consumer has failed at the event: it goes back to the queue. */
  abandon(delivery: Pick<EventDelivery, 'entry' | 'deliveries'>, consumer: string): void
}

export interface Backlog {
  /** How many events of a partition may wait or be in work at once. */
  events: number
  /** How many bytes their bodies may have together; the last one accepted may go over it. */
  bytes: number
}

interface Entry {
  id: string
  event: CallEvent
  /** When it was appended. */
  at: number
  deliveries: number
  attempts: number
  consumer: string | undefined
}

/** How many events of one WebSocket may wait for those before them. */
const lineCap = 1_000

export interface EventsOptions {
  partition: number
  backlog: Backlog
  /** In milliseconds, and never set back. */
  now: () => number
  /** Called when there is an event to take again, or one that waited for another has its turn. */
  onTurn: () => void
}

export function createEvents({ partition, backlog, now, onTurn }: EventsOptions): Events {
  const waiting = new FairFifo<Entry>(({ event }) => flowOf(event.webhook))
  const taken = new Map<string, Entry>()
  const lines = createLines<Entry>()
  let lastId = 0
  let bytes = 0

  function ownedBy(
    consumer: string,
    { entry: id, deliveries }: Parameters<Events['settle']>[0],
  ): Entry | undefined {
    const entry = taken.get(id)
    return entry?.consumer === consumer && entry.deliveries === deliveries ? entry : undefined
  }

  function giveBack(entries: Entry[]): void {
    for (const { id } of entries) taken.delete(id)
    waiting.giveBack(entries)
  }

  return {
    hasRoom(socketId) {
      if (socketId !== undefined && lines.waitingOf(socketId) >= lineCap) return false
      return waiting.size + taken.size + lines.waiting < backlog.events && bytes < backlog.bytes
    },
    append(event) {
      lastId += 1
      bytes += event.body.length
      const entry = { id: String(lastId), event, at: now(), deliveries: 0, attempts: 0, consumer: undefined }
      if (event.socket === undefined || lines.join(event.socket.id, entry)) waiting.push(entry)
    },
    take(consumer, places) {
      const entry = waiting.shift(places)
      if (entry === undefined) return undefined
      places.take(flowOf(entry.event.webhook))
      entry.deliveries += 1
      entry.consumer = consumer
      taken.set(entry.id, entry)
      return { kind: 'event', partition, entry: entry.id, event: entry.event, deliveries: entry.deliveries }
    },
    settle(delivery, consumer) {
      const entry = ownedBy(consumer, delivery)
      if (entry === undefined) return false
      const { body, socket } = entry.event
      bytes -= body.length
      const next = socket && lines.advance(socket.id)
      taken.delete(entry.id)
      if (next !== undefined) {
        waiting.push(next)
        onTurn()
      }
      return true
    },
    statistics() {
      const all = [...taken.values(), ...waiting.items()]
      const oldest = all.reduce((earliest, { at }) => Math.min(earliest, at), Infinity)
      const count = waiting.size + taken.size
      return {
        events: count,
        deferredEvents: waiting.deferred,
        oldestEventMs: count === 0 ? 0 : now() - oldest,
        fullest: Math.max((count + lines.waiting) / backlog.events, bytes / backlog.bytes),
      }
    },
    attempts: (id) => taken.get(id)?.attempts ?? 0,
    advanced(id) {
      const entry = taken.get(id)
      if (entry !== undefined) entry.attempts = 0
    },
    handOver: (consumer) => giveBack([...taken.values()].filter((entry) => entry.consumer === consumer)),
    abandon(delivery, consumer) {
      const entry = ownedBy(consumer, delivery)
      if (entry === undefined) return
      entry.attempts += 1
      giveBack([entry])
      onTurn()
    },
  }
}
