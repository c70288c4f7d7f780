import type { Rooms } from '../rooms.ts'
import { webhookOf } from '../rooms.ts'
import type { Delivery } from '../state.ts'
import { StateUnavailable } from '../state.ts'
import type { Connection } from './connection.ts'
import { decodeEvent } from './event-format.ts'
import type { Held } from './held.ts'
import type { Keys } from './keys.ts'
import { group } from './keys.ts'
import type { Settings } from './options.ts'
import { leastWeight } from './options.ts'
import type { Presence } from './presence.ts'
import type { Scripts } from './script.ts'

/** Takes deliveries of a partition, which are held from then on. */
export type Take = (partition: number, wanted: Wanted) => Promise<Taken>

export interface Wanted {
  /** How many at most. */
  count: number
  /** What there is room for; anything, when it is not told. */
  rooms: Rooms | undefined
  /** Those of silent runners as well, and deferred ones. */
  abandoned: boolean
  /** Deferred ones. */
  deferred: boolean
}

export interface Taken {
  deliveries: Delivery[]
  /** The Webhooks that have deferred events there, see `flowOf`; absent when it was not looked for them. */
  deferred?: string[]
  /** There may be more that was not looked at. */
  isMore: boolean
}

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

/** When a read brings so many events more are on their way. */
const many = 8
/**
 * How long after such a read a partition is in flow, and how long one in flow is read without a look at what
 * else there is.
 */
const flowMs = 50

interface Flow {
  /** When a read brought many events. */
  manyAt: number
  /** When it was looked for runs that are due, and none was. */
  lookedAt: number
}

type Work = [
  runs: [Buffer, number, Buffer, number, Buffer][],
  events: [Buffer, number, Buffer, Buffer][],
  putAside: Buffer[],
  deferred: Buffer[] | Buffer,
  isMore: number,
]

export function createTake(deps: TakeDeps): Take {
  const { consumer, idleName, keys, scripts, settings, connection, held, presence, onPutAside } = deps
  const { clock, sweepMs, lapseMs, maxAttempts, deadLetters, deadLetterBytes, onError } = settings
  const least = leastWeight(settings)

  function ask(partition: number, { count, rooms, abandoned, deferred }: Wanted): Promise<unknown> {
    const names = [
      keys.events(partition),
      keys.parked(partition),
      keys.idle(partition),
      keys.deadLetters(partition),
      keys.backlog(partition),
      keys.attempts(partition),
      keys.deferred(partition),
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
      roomsOf(rooms, count),
      keys.deferredOf(partition, ''),
      deferred ? '1' : '0',
      partition,
      deadLetterBytes,
      ...held.idsOf(partition, abandoned || deferred),
    ])
  }

  const flows = new Map<number, Flow>()

  function flowOf(partition: number): Flow {
    const known = flows.get(partition)
    if (known !== undefined) return known
    const created = { manyAt: -Infinity, lookedAt: -Infinity }
    flows.set(partition, created)
    return created
  }

  /**
   * New events alone, by the command itself: a script would take each body into Lua and out again. Nothing:
   * it is for the script to say that there is none, since that makes this runner one to be woken.
   */
  async function readOn(partition: number, count: number): Promise<Work[1]> {
    const read = [group, consumer, 'COUNT', count, 'STREAMS', keys.events(partition), '>']
    const answer = await connection.commandForBuffers('xreadgroup', ['GROUP', ...read]).catch((error) => {
      // The group goes with the stream when Redis has lost its data; the script makes it anew.
      if (isNoGroup(error)) return null
      throw error
    })
    const [[, entries] = [null, []]] = (answer ?? []) as [Buffer, [Buffer, Buffer[]][]][]
    return entries.map(([entry, fields]) => [entry, 1, fieldOf(fields, 'h'), fieldOf(fields, 'b')])
  }

  async function find(partition: number, wanted: Wanted): Promise<Work> {
    const { count, rooms, abandoned, deferred } = wanted
    const flow = flowOf(partition)
    const isFlowing = Math.min(flow.manyAt, flow.lookedAt) + flowMs > clock.monotonic()
    // There must be room for whatever comes: it is the script that defers.
    if (isFlowing && !abandoned && !deferred && roomsOf(rooms, count) === '') {
      const events = await readOn(partition, count)
      if (events.length >= many) flow.manyAt = clock.monotonic()
      if (events.length > 0) return [[], events, [], nothing, 0]
    }
    const work = (await ask(partition, wanted)) as Work
    // Runs that are due have precedence.
    flow.lookedAt = work[0].length > 0 ? -Infinity : clock.monotonic()
    if (work[1].length >= many) flow.manyAt = clock.monotonic()
    return work
  }

  return async (partition, wanted) => {
    try {
      const [runs, events, putAside, deferred, isMore] = await find(partition, wanted)
      presence.answered(partition)
      for (const head of putAside) onPutAside(head).catch(onError)
      const resumed = runs.map((run) => resumeOf(partition, run))
      for (const delivery of resumed) held.add(delivery, 0)
      const begun = events.map((event) => eventOf(partition, event))
      for (const [index, [, , head, body]] of events.entries()) {
        const delivery = begun[index]
        if (delivery !== undefined) held.add(delivery, Math.max(head.length + body.length, least))
      }
      return {
        deliveries: [...resumed, ...begun],
        ...(Array.isArray(deferred) ? { deferred: deferred.map(String) } : {}),
        isMore: isMore === 1,
      }
    } catch (error) {
      presence.missed(partition)
      throw error
    }
  }
}

/** The rooms that matter to who takes so many, as JSON; empty when none does. */
function roomsOf(rooms: Rooms | undefined, count: number): string {
  if (rooms === undefined) return ''
  const { namespace, webhook } = rooms
  const narrow = [...rooms.named].filter(([, room]) => room < count)
  if (narrow.length === 0 && Math.min(namespace, webhook) >= count) return ''
  return JSON.stringify({ namespace, webhook, named: Object.fromEntries(narrow) })
}

function isNoGroup(error: unknown): boolean {
  const cause = error instanceof StateUnavailable ? error.cause : error
  return cause instanceof Error && cause.message.startsWith('NOGROUP')
}

function fieldOf(fields: Buffer[], name: string): Buffer {
  for (let at = 0; at + 1 < fields.length; at += 2)
    if (fields[at]?.toString('latin1') === name) return fields[at + 1] ?? nothing
  return nothing
}

const nothing = Buffer.alloc(0)

function resumeOf(partition: number, [runId, epoch, checkpoint, attempts, flow]: Work[0][number]): Delivery {
  const webhook = webhookOf(flow.toString())
  const run = { partition, runId: runId.toString(), epoch, ...(webhook ? { webhook } : {}) }
  return { kind: 'resume', run, checkpoint: JSON.parse(checkpoint.toString()), attempts }
}

function eventOf(partition: number, [entry, deliveries, head, body]: Work[1][number]): Delivery {
  return { kind: 'event', partition, entry: entry.toString(), event: decodeEvent(head, body), deliveries }
}
