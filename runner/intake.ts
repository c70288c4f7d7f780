/** Takes deliveries from the state for as long as there are hands for them. */
import type { Clock } from '../state/clock.ts'
import { createInFlight } from '../state/in-flight.ts'
import type { Delivery, RunnerState } from '../state/state.ts'
import { StateUnavailable } from '../state/state.ts'
import { elapsed, PAUSE_MS } from './patience.ts'

export interface Intake {
  /** How many deliveries are worked on. */
  readonly inHand: number
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
  const reading = new AbortController()
  const inHand = createInFlight()
  let handFreed: (() => void) | undefined
  let loop: Promise<void> = Promise.resolve()

  async function readAll(): Promise<void> {
    while (!reading.signal.aborted) {
      try {
        const count = Math.min(BATCH, concurrency - inHand.size)
        if (count > 0)
          for (const delivery of await state.read({ count, blockMs: BLOCK_MS, signal: reading.signal }))
            take(delivery)
        else await new Promise<void>((resolve) => (handFreed = resolve))
      } catch (error) {
        if (!(error instanceof StateUnavailable)) onFault(error)
        // The state is away; whoever watches it says why.
        await elapsed(clock, PAUSE_MS, reading.signal)
      }
    }
  }

  function take(delivery: Delivery): void {
    const done = work(delivery)
    inHand.track(done)
    // After it has left the count.
    void done.finally(() => handFreed?.())
  }

  return {
    get inHand() {
      return inHand.size
    },
    start() {
      loop = readAll()
    },
    async stop() {
      reading.abort()
      handFreed?.()
      await loop
    },
    idle: () => inHand.settled(),
  }
}
