import type { Clock } from '../state/clock.ts'
import type { Json } from '../state/event.ts'
import type { RunnerState } from '../state/state.ts'
import { createDeliveries } from './deliveries.ts'
import type { Machinery } from './run/run.ts'
import { createRunExecutor } from './execution.ts'
import type { Expressions } from './expression/expression.ts'
import { createIntake } from './intake.ts'
import type { Log } from '../process/log.ts'
import { createPatience, elapsed } from './patience.ts'
import { createPlanLookup } from './plans/lookup.ts'
import type { PlanTable } from './plans/table.ts'
import { createRunResumption } from './resumption.ts'
import { createSchemaPool } from './schema/schemas.ts'
import { createTally, tallied } from './tally.ts'
import type { Tally } from './tally.ts'

export interface RunnerDeps {
  /** Stays its owner's: the runner does not close it. One runner per state. */
  state: RunnerState
  plans: PlanTable
  expressions: Expressions
  fetch: typeof globalThis.fetch
  clock: Clock
  /** At least 0, less than 1; for the jitter of retries. */
  random: () => number
  log: Log
  /** `$runtime`: name, version, metadata. */
  runtime: Json
  /** How many events and woken runs are in hand at a time. */
  concurrency?: number
}

export interface Runner {
  /** How many events and woken runs are in hand. */
  readonly inHand: number
  /** How many of them are of the namespace that has most. */
  readonly mostOfOne: number
  readonly tally: Tally
  /** Begins to read events. */
  start(): void
  /**
   * Reads no more, lets what is in hand end for at most `deadlineMs`, then leaves it at its last checkpoint
   * to another runner. Idempotent.
   */
  stop(options: { deadlineMs: number }): Promise<void>
}

/** Executes the runs of the events that the state delivers. */
export function createRunner(deps: RunnerDeps): Runner {
  const { plans, clock, log, concurrency = 320 } = deps
  const tally = createTally()
  const state = tallied(deps.state, tally)
  const schemas = createSchemaPool()
  const halting = new AbortController()
  const { signal: halt } = halting
  const patiently = createPatience(clock, halt)
  const onFault = (error: unknown): void => log.error({ err: error }, 'Runner has a fault')
  const machinery: Machinery = {
    expressions: deps.expressions,
    schemas,
    fetch: deps.fetch,
    clock,
    random: deps.random,
    runtime: deps.runtime,
    onFault,
    onRetry: () => tally.retries.add('retry'),
  }
  const executeRun = createRunExecutor({ state, machinery, patiently, halt, tally, log })
  const lookup = createPlanLookup({ plans, clock, halt, log })
  const resumeRun = createRunResumption({ state, lookup, machinery, executeRun, patiently, log })
  const work = createDeliveries({
    state,
    plans,
    lookup,
    machinery,
    executeRun,
    resumeRun,
    patiently,
    halt,
    tally,
    log,
  })
  const intake = createIntake({ state, clock, concurrency, onFault, work })
  let stopped: Promise<void> | undefined

  async function finish(deadlineMs: number): Promise<void> {
    await intake.stop()
    const idle = intake.idle()
    const over = new AbortController()
    if (deadlineMs > 0) await Promise.race([idle, elapsed(clock, deadlineMs, over.signal)])
    over.abort()
    halting.abort()
    await idle
    await schemas.close()
  }

  return {
    tally,
    get inHand() {
      return intake.inHand
    },
    get mostOfOne() {
      return intake.mostOfOne
    },
    start() {
      state.onDeadLetter(({ eventId, webhook, reason }) => {
        tally.deadLetters.add('event')
        log.error({ eventId, namespace: webhook.namespace, webhook: webhook.name, reason }, 'Event put aside')
      })
      intake.start()
    },
    stop({ deadlineMs }) {
      stopped ??= finish(deadlineMs)
      return stopped
    },
  }
}
