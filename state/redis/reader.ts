import { createInFlight } from '../in-flight.ts'
import type { Delivery, RunnerState } from '../state.ts'
import { StateUnavailable } from '../state.ts'
import type { Connection } from './connection.ts'
import { decodeEvent } from './event-format.ts'
import type { Held } from './held.ts'
import type { Keys } from './keys.ts'
import { group } from './keys.ts'
import type { Settings } from './options.ts'
import { leastWeight } from './options.ts'
import type { Scripts } from './script.ts'

/**
 * Finds work in any number of partitions without a blocked connection for each (a Redis Cluster lets no command wait on several slots).
 * A partition that had nothing for this runner knows so, and publishes on the runner's channel when an event is appended; all others are
 * read. A sweep now and then finds what nobody told: the work of dead runners, and runs parked by them.
 */
export interface Reader {
  read: RunnerState['read']
  /** A message of the runner's channel: a partition, and whether work was abandoned there. */
  wake(message: string): void
  /** There will be work in the partition after `delayMs`. */
  lookAgain(partition: number, delayMs: number): void
  /** Ends all reads, with nothing; resolves when none is left. */
  close(): Promise<void>
}

export interface ReaderDeps {
  consumer: string
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
  held: Held
  /** Called with the head of each event that was put aside. */
  onPutAside: (head: Buffer) => Promise<void>
}

/** How many partitions are read at once. */
const breadth = 8
/** When this runner does not read, another one is woken after this time. */
const passOnMs = 20

type Work = [
  runs: [Buffer, number, Buffer, number][],
  events: [Buffer, number, Buffer, Buffer][],
  putAside: Buffer[],
]

export function createReader({
  consumer,
  keys,
  scripts,
  settings,
  connection,
  held,
  onPutAside,
}: ReaderDeps): Reader {
  const { clock, sweepMs, lapseMs, maxAttempts, deadLetters, partitions, onError } = settings
  const channel = keys.workOf(consumer)
  const least = leastWeight(settings)
  /** Partitions that may have work, longest waiting first; true when work may have been abandoned there. */
  const hot = new Map<number, boolean>()
  const timers = new Set<() => void>()
  /** Reads that wait. */
  const waiting = new Set<() => void>()
  const reading = createInFlight()
  let sweptAt = -Infinity
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

  async function readPartition(partition: number, count: number): Promise<Delivery[]> {
    const abandoned = hot.get(partition) === true
    hot.delete(partition)
    const names = [
      keys.events(partition),
      keys.parked(partition),
      keys.idle(partition),
      keys.deadLetters(partition),
      keys.backlog(partition),
      keys.attempts(partition),
    ]
    const args = [group, consumer, count, lapseMs, maxAttempts, deadLetters, abandoned ? '1' : '0']
    try {
      const work = connection.runForBuffers(scripts.read, names, [
        ...args,
        channel,
        sweepMs * 10,
        keys.run(partition, ''),
        keys.line(partition, ''),
        least,
      ])
      const [runs, events, putAside] = (await work) as Work
      for (const head of putAside) onPutAside(head).catch(onError)
      const deliveries = [
        ...runs.map((run) => resumeOf(partition, run)),
        ...events.map((event) => eventOf(partition, event)),
      ]
      const weights = events.map(([, , head, body]) => Math.max(head.length + body.length, least))
      for (const [index, delivery] of deliveries.entries())
        held.add(delivery, weights[index - runs.length] ?? 0)
      // One that had nothing says when it has; the others are read until then, and what the dead have left until there is none.
      const leftBehind = deliveries.some((delivery) => delivery.kind === 'event' && delivery.deliveries > 1)
      if (deliveries.length > 0) heat(partition, abandoned && leftBehind)
      return deliveries
    } catch (error) {
      heat(partition, abandoned)
      throw error
    }
  }

  /** Something from the partitions that may have work, or nothing when none of them has. */
  async function collect(count: number): Promise<Delivery[]> {
    if (clock.monotonic() - sweptAt >= sweepMs) sweep()
    while (hot.size > 0 && !closing.signal.aborted) {
      const some = [...hot.keys()].slice(0, Math.min(breadth, count))
      const share = Math.floor(count / some.length)
      const results = await Promise.allSettled(some.map((partition) => readPartition(partition, share)))
      const deliveries = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
      if (deliveries.length > 0) return deliveries
      for (const result of results) if (result.status === 'rejected') throw result.reason
    }
    return []
  }

  /** Resolves when there may be work, `ms` have passed or the signal aborts. */
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
      if (hot.size > 0 || signal.aborted) done()
    })
  }

  async function read(count: number, blockMs: number, signal: AbortSignal): Promise<Delivery[]> {
    const until = clock.monotonic() + blockMs
    for (;;) {
      if (signal.aborted) return []
      const deliveries = await collect(count)
      const leftMs = until - clock.monotonic()
      if (deliveries.length > 0 || leftMs <= 0) return deliveries
      await pause(Math.min(leftMs, Math.max(1, sweptAt + sweepMs - clock.monotonic())), signal)
    }
  }

  /** Aborts with the reader's signal or on closing; made once for a reader that comes again with the same one. */
  function stopOf(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return closing.signal
    if (lastStop?.of !== signal) lastStop = { of: signal, either: AbortSignal.any([signal, closing.signal]) }
    return lastStop.either
  }

  return {
    async read({ count, blockMs, signal }) {
      if (closing.signal.aborted) throw new StateUnavailable('the state is closed')
      const result = read(count, blockMs, stopOf(signal))
      reading.track(result)
      return await result
    },
    wake(message) {
      const [partition = '', abandoned] = message.split(' ')
      look(Number(partition), abandoned !== undefined)
    },
    lookAgain: (partition, delayMs) => void schedule(delayMs, () => look(partition, false)),
    async close() {
      closing.abort()
      for (const stop of timers) stop()
      await reading.settled()
    },
  }
}

function resumeOf(partition: number, [runId, epoch, checkpoint, attempts]: Work[0][number]): Delivery {
  const run = { partition, runId: runId.toString(), epoch }
  return { kind: 'resume', run, checkpoint: JSON.parse(checkpoint.toString()), attempts }
}

function eventOf(partition: number, [entry, deliveries, head, body]: Work[1][number]): Delivery {
  return { kind: 'event', partition, entry: entry.toString(), event: decodeEvent(head, body), deliveries }
}
