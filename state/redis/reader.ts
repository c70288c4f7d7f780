import { createInFlight } from '../in-flight.ts'
import type { Rooms } from '../rooms.ts'
import { roomFor } from '../rooms.ts'
import type { Delivery, RunnerState } from '../state.ts'
import { StateUnavailable } from '../state.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import type { Scripts } from './script.ts'
import type { Take } from './take.ts'

/**
 * Finds work in any number of partitions without a blocked connection for each (a Redis Cluster lets no
 * command wait on several slots). A partition that had nothing for this runner knows so, and publishes on the
 * runner's channel when an event is appended; all others are read. A sweep now and then finds what nobody
 * told: the work of dead runners, and runs parked by them. One that fails is left alone until the next sweep;
 * one that hangs keeps nobody waiting: what it has, when it answers after all, goes to a later call.
 */
export interface Reader {
  read: RunnerState['read']
  /** A message of the runner's channel: a partition, and whether work was abandoned or deferred there. */
  wake(message: string): void
  /** There will be work in the partition after `delayMs`. */
  lookAgain(partition: number, delayMs: number): void
  /** Ends all reads, with nothing; resolves when none is left. */
  close(): Promise<void>
}

export interface ReaderDeps {
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
  take: Take
}

/** What a read is to bring. */
interface Ask {
  count: number
  rooms: Rooms | undefined
}

/** How many partitions are read at once, of those that answer. */
const breadth = 8
/** After this time the next partition need not wait for the answer of one. */
const slowMs = 50
/** When this runner does not read, another one is woken after this time. */
const passOnMs = 20
/** How many timers this runner keeps for runs that it has parked; of more the sweep tells, a little later. */
const mostTimers = 10_000

export function createReader({ keys, scripts, settings, connection, take }: ReaderDeps): Reader {
  const { clock, sweepMs, partitions, onError } = settings
  /**
   * Partitions that may have work, longest waiting first; true when work may have been abandoned or deferred
   * there.
   */
  const hot = new Map<number, boolean>()
  /** Since when each partition is being read. */
  const inFlight = new Map<number, number>()
  /** Partitions whose last read failed. */
  const failing = new Set<number>()
  /** The Webhooks that have deferred events in a partition, as far as this runner has seen. */
  const deferred = new Map<number, string[]>()
  /** What was taken and not given to a reader yet. */
  const found: Delivery[] = []
  const timers = new Set<() => void>()
  /** Reads that wait. */
  const waiting = new Set<() => void>()
  const reading = createInFlight()
  const taking = createInFlight()
  let sweptAt = -Infinity
  let answeredAt = -Infinity
  const closing = new AbortController()
  let lastStop: { of: AbortSignal; either: AbortSignal } | undefined

  function heat(partition: number, abandoned: boolean): void {
    hot.set(partition, abandoned || hot.get(partition) === true)
  }

  function schedule(delayMs: number, act: () => void): () => void {
    const stop = clock.setTimer(() => {
      timers.delete(stop)
      act()
    }, delayMs)
    timers.add(stop)
    return () => {
      timers.delete(stop)
      stop()
    }
  }

  function look(partition: number, abandoned: boolean): void {
    if (closing.signal.aborted) return
    heat(partition, abandoned)
    const next = waiting.values().next().value
    if (next === undefined) schedule(passOnMs, () => passOn(partition))
    else next()
  }

  /** Work for which this runner has no hands goes to one that has. */
  function passOn(partition: number): void {
    if (!hot.has(partition) || closing.signal.aborted) return
    connection.run(scripts.wake, [keys.idle(partition)], [partition]).catch(onError)
  }

  function sweep(): void {
    sweptAt = clock.monotonic()
    for (let partition = 0; partition < partitions; partition += 1) heat(partition, true)
  }

  /** The call is to be told of a failure only when nothing answers: `onFailure` gets all. */
  async function readPartition(
    partition: number,
    { count, rooms }: Ask,
    onFailure: (error: unknown) => void,
  ): Promise<void> {
    const abandoned = hot.get(partition) === true
    hot.delete(partition)
    inFlight.set(partition, clock.monotonic())
    try {
      const wanted = { count, rooms, abandoned, deferred: deferred.has(partition) }
      const { deliveries, deferred: flows, isMore } = await take(partition, wanted)
      answeredAt = clock.monotonic()
      failing.delete(partition)
      found.push(...deliveries)
      if (flows !== undefined && flows.length > 0) deferred.set(partition, flows)
      else if (flows !== undefined) deferred.delete(partition)
      // One that had nothing says when it has; the others are read until then, and what the dead have left
      // until there is none.
      const leftBehind = deliveries.some((delivery) => delivery.kind === 'event' && delivery.deliveries > 1)
      if (deliveries.length > 0 || isMore) heat(partition, abandoned && leftBehind)
    } catch (error) {
      failing.add(partition)
      onFailure(error)
    } finally {
      inFlight.delete(partition)
      for (const next of waiting) next()
    }
  }

  /**
   * Begins to read partitions that may have work. True: there are more, for which those that were begun
   * before are to be waited for.
   */
  function begin({ count, rooms }: Ask, onFailure: (error: unknown) => void): boolean {
    for (const [partition, flows] of deferred) {
      const hasRoom = rooms === undefined || flows.some((flow) => roomFor(flow, rooms) > 0)
      if (hasRoom && !inFlight.has(partition) && !failing.has(partition)) heat(partition, false)
    }
    const now = clock.monotonic()
    let begun = 0
    for (const [partition, since] of inFlight) if (!failing.has(partition) && now - since < slowMs) begun += 1
    const room = Math.min(breadth, count) - begun
    const some: number[] = []
    let isMore = false
    for (const partition of hot.keys()) {
      if (inFlight.has(partition)) continue
      // Not at the cost of those that answer.
      if (failing.has(partition)) taking.track(readPartition(partition, { count: 1, rooms }, onFailure))
      else if (some.length < room) some.push(partition)
      else isMore = true
    }
    const share = {
      count: Math.max(1, Math.floor(count / some.length)),
      rooms: rooms && shareOf(rooms, begun + some.length),
    }
    for (const partition of some) taking.track(readPartition(partition, share, onFailure))
    return isMore
  }

  /** Whether nothing has answered for long, and nothing is left that may. */
  function isAway(): boolean {
    for (const partition of inFlight.keys()) if (!failing.has(partition)) return false
    return clock.monotonic() - answeredAt >= 2 * sweepMs
  }

  /** Resolves when there may be work or an answer has come, `ms` have passed or the signal aborts. */
  function pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        waiting.delete(done)
        stop()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const stop = schedule(ms, done)
      signal.addEventListener('abort', done)
      waiting.add(done)
      if (signal.aborted) done()
    })
  }

  async function read(ask: Ask, blockMs: number, signal: AbortSignal): Promise<Delivery[]> {
    const until = clock.monotonic() + blockMs
    const failures: unknown[] = []
    const onFailure = (error: unknown): void => void failures.push(error)
    for (let first = true; !signal.aborted; first = false) {
      if (found.length > 0) return found.splice(0, ask.count)
      const leftMs = until - clock.monotonic()
      if ((first || leftMs > 0) && clock.monotonic() - sweptAt >= sweepMs) sweep()
      const isMore = begin(ask, onFailure)
      if (failures.length > 0 && !isMore && isAway()) throw failures[0]
      // Its time is up, but what it has begun may yet bring something.
      if (leftMs <= 0 && inFlight.size === 0) return []
      const untilSweepMs = Math.max(1, sweptAt + sweepMs - clock.monotonic())
      await pause(Math.min(leftMs > 0 ? leftMs : Infinity, isMore ? slowMs : Infinity, untilSweepMs), signal)
    }
    return []
  }

  /** What was asked for: a runner that stops may take its time, and would keep it from all others meanwhile. */
  async function readLast(): Promise<Delivery[]> {
    await taking.settled()
    return closing.signal.aborted ? [] : found.splice(0)
  }

  /**
   * Aborts with the reader's signal or on closing; made once for a reader that comes again with the same one.
   */
  function stopOf(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return closing.signal
    if (lastStop?.of !== signal) lastStop = { of: signal, either: AbortSignal.any([signal, closing.signal]) }
    return lastStop.either
  }

  return {
    async read({ count, blockMs, signal, rooms }) {
      if (closing.signal.aborted) throw new StateUnavailable('the state is closed')
      const result = signal?.aborted ? readLast() : read({ count, rooms }, blockMs, stopOf(signal))
      reading.track(result)
      return await result
    },
    wake(message) {
      const [partition = '', abandoned] = message.split(' ')
      look(Number(partition), abandoned !== undefined)
    },
    lookAgain(partition, delayMs) {
      if (timers.size < mostTimers) schedule(delayMs, () => look(partition, false))
    },
    async close() {
      closing.abort()
      for (const stop of timers) stop()
      await Promise.all([reading.settled(), taking.settled()])
    },
  }
}

/** Of what there is room for, what each of several may take that know nothing of each other. */
function shareOf({ namespace, webhook, named }: Rooms, parts: number): Rooms {
  const share = (room: number): number => Math.ceil(room / parts)
  return {
    namespace: share(namespace),
    webhook: share(webhook),
    named: new Map([...named].map(([name, room]) => [name, share(room)])),
  }
}
