/** Takes deliveries from the state for as long as there are hands for them. */
import type { Clock } from '../state/clock.ts'
import { createInFlight } from '../state/in-flight.ts'
import type { Rooms, WebhookRef } from '../state/rooms.ts'
import { flowOf, roomFor } from '../state/rooms.ts'
import type { Delivery, RunnerState } from '../state/state.ts'
import { StateUnavailable } from '../state/state.ts'
import { createHands } from './hands.ts'
import { elapsed, PAUSE_MS } from './patience.ts'

export interface Intake {
  /** How many deliveries are worked on. */
  readonly inHand: number
  /** How many of them are of the namespace that has most. */
  readonly mostOfOne: number
  start(): void
  /** Reads no more; resolves when no read is under way. */
  stop(): Promise<void>
  /** Resolves when nothing is in hand. */
  idle(): Promise<void>
}

export interface IntakeDeps {
  state: Pick<RunnerState, 'read'>
  clock: Clock
  /** How many deliveries are in hand at a time. */
  concurrency: number
  onFault: (error: unknown) => void
  /** Never rejects. */
  work: (delivery: Delivery) => Promise<void>
}

/** How many deliveries are asked for at once. */
const BATCH = 64
const BLOCK_MS = 5_000

export function createIntake({ state, clock, concurrency, onFault, work }: IntakeDeps): Intake {
  const stopping = new AbortController()
  const hands = createHands(concurrency)
  const inHand = createInFlight()
  /** What the read under way was told that there is room for, and what ends it. */
  let told: Rooms | undefined
  let reading = new AbortController()
  let handFreed: (() => void) | undefined
  let loop: Promise<void> = Promise.resolve()

  async function readAll(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        if (hands.free > 0) for (const delivery of await readSome()) take(delivery)
        else await new Promise<void>((resolve) => (handFreed = resolve))
      } catch (error) {
        if (!(error instanceof StateUnavailable)) onFault(error)
        // The state is away; whoever watches it says why.
        await elapsed(clock, PAUSE_MS, stopping.signal)
      }
    }
  }

  function readSome(): Promise<Delivery[]> {
    const count = Math.min(BATCH, hands.free)
    if (reading.signal.aborted) reading = new AbortController()
    told = hands.rooms(count)
    return state.read({ count, blockMs: BLOCK_MS, signal: reading.signal, rooms: told })
  }

  /** What the last read had asked for came after it was ended. */
  async function takeLast(): Promise<void> {
    try {
      const options = { count: BATCH, blockMs: 0, signal: AbortSignal.abort() }
      for (const delivery of await state.read(options)) take(delivery)
    } catch (error) {
      if (!(error instanceof StateUnavailable)) onFault(error)
    }
  }

  function take(delivery: Delivery): void {
    const { webhook } = delivery.kind === 'event' ? delivery.event : delivery.run
    hands.take(webhook)
    inHand.track(work(delivery).then(() => giveBack(webhook)))
  }

  function giveBack(webhook: WebhookRef | undefined): void {
    hands.giveBack(webhook)
    handFreed?.()
    // What waits for this hand is not asked for by the read under way.
    if (webhook && told && roomFor(flowOf(webhook), told) === 0) reading.abort()
  }

  return {
    get inHand() {
      return hands.busy
    },
    get mostOfOne() {
      return hands.mostOfOne
    },
    start() {
      loop = readAll()
    },
    async stop() {
      stopping.abort()
      reading.abort()
      handFreed?.()
      await loop
      await takeLast()
    },
    idle: () => inHand.settled(),
  }
}
