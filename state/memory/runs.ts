import type { Clock } from '../clock.ts'
import type { Checkpoint, ResumeDelivery, RunRef, Takeover } from '../state.ts'
import { writeCheckpoint } from '../checkpoint.ts'
import { ExpiringMap } from '../expiring-map.ts'
import type { Places, WebhookRef } from '../rooms.ts'
import { flowOf } from '../rooms.ts'
import { FairFifo } from './fair-fifo.ts'

/** The runs of a partition: who may write to them, how far they had come, when the parked ones go on. */
export interface Runs {
  takeOver(run: RunRef): Takeover
  save(run: RunRef, checkpoint: Checkpoint): boolean
  park(run: RunRef, checkpoint: Checkpoint, delayMs: number): boolean
  end(run: RunRef): boolean
  /** The runs' event is forgotten: those that ended need not be remembered for long. */
  eventForgotten(runIds: string[]): void
  /** The next parked run that is due and has a place, now the consumer's. */
  takeDue(consumer: string, places: Places): ResumeDelivery | undefined
  /** Makes the runs that the consumer resumed due again, and counts it as no attempt. */
  handOver(consumer: string): void
  /** The consumer has failed at a run that it resumed: it is due again. */
  abandon(run: RunRef): void
  /** How many runs are parked or resumed. */
  readonly parked: number
  /** How many of them could go on now. */
  readonly due: number
  close(): void
}

export interface RunsOptions {
  clock: Clock
  partition: number
  /** How long a run is kept after it was written last, or after it was to go on. */
  runTtlMs: number
  /**
   * How long an ended run is remembered after its event was forgotten, so that a stalled runner can't revive
   * it.
   */
  endedTtlMs: number
  /** Called when a parked run became due. */
  onDue: () => void
}

interface Run {
  runId: string
  webhook: WebhookRef | undefined
  epoch: number
  /** The checkpoint as JSON, so that nobody holds on to a part of it. */
  json: string | undefined
  stage: 'running' | 'parked' | 'due' | 'resumed' | 'ended'
  /** Who resumed it. */
  consumer: string | undefined
  /** How often it was resumed since it came further last. */
  attempts: number
  cancelTimer: (() => void) | undefined
  eventForgotten: boolean
  expiresAt: number
}

export function createRuns({ clock, partition, runTtlMs, endedTtlMs, onDue }: RunsOptions): Runs {
  const runs = new ExpiringMap<Run>(() => clock.monotonic())
  /** Parked, due and resumed runs: they go on without their event. */
  const detached = new Map<string, Run>()
  const due = new FairFifo<Run>(({ webhook }) => webhook && flowOf(webhook))

  function find(runId: string): Run | undefined {
    return detached.get(runId) ?? runs.get(runId)
  }

  /** The run, if `epoch` may write to it; a new one when it is unknown. */
  function claim({ runId, webhook, epoch }: RunRef): Run | undefined {
    const run = find(runId) ?? {
      runId,
      webhook,
      epoch,
      json: undefined,
      stage: 'running',
      consumer: undefined,
      attempts: 0,
      cancelTimer: undefined,
      eventForgotten: false,
      expiresAt: 0,
    }
    if (run.epoch > epoch) return undefined
    run.epoch = epoch
    return run
  }

  function advance(run: Run, json: string): void {
    run.json = json
    run.attempts = 0
  }

  function store(run: Run, ttlMs: number): void {
    run.expiresAt = clock.monotonic() + ttlMs
    runs.set(run.runId, run)
  }

  function makeDue(run: Run): void {
    run.stage = 'due'
    run.consumer = undefined
    run.cancelTimer = undefined
    due.push(run)
    onDue()
  }

  function detach(run: Run, delayMs: number): void {
    run.cancelTimer?.()
    run.stage = 'parked'
    run.consumer = undefined
    detached.set(run.runId, run)
    if (delayMs <= 0) makeDue(run)
    else run.cancelTimer = clock.setTimer(() => makeDue(run), delayMs)
  }

  return {
    takeOver(ref) {
      const known = find(ref.runId)
      if (known?.stage === 'ended') return { kind: 'ended' }
      if (known !== undefined && known.stage !== 'running') return { kind: 'parked' }
      const run = claim(ref)
      if (run === undefined) return { kind: 'fenced' }
      store(run, runTtlMs)
      if (run.json === undefined) return { kind: 'new' }
      return { kind: 'checkpoint', checkpoint: JSON.parse(run.json) as Checkpoint }
    },
    save(ref, checkpoint) {
      const json = writeCheckpoint(checkpoint)
      const run = claim(ref)
      if (run === undefined || run.stage === 'ended') return false
      advance(run, json)
      store(run, runTtlMs)
      return true
    },
    park(ref, checkpoint, delayMs) {
      const json = writeCheckpoint(checkpoint)
      const run = claim(ref)
      if (run === undefined || run.stage === 'ended') return false
      advance(run, json)
      store(run, delayMs + runTtlMs)
      detach(run, delayMs)
      return true
    },
    end(ref) {
      const run = claim(ref)
      if (run === undefined) return false
      run.cancelTimer?.()
      run.stage = 'ended'
      run.json = undefined
      detached.delete(run.runId)
      store(run, run.eventForgotten ? endedTtlMs : runTtlMs)
      return true
    },
    eventForgotten(runIds) {
      for (const runId of runIds) {
        const run = find(runId)
        if (run === undefined) continue
        run.eventForgotten = true
        if (run.stage === 'ended') store(run, endedTtlMs)
      }
    },
    takeDue(consumer, places) {
      for (let run = due.shift(places); run !== undefined; run = due.shift(places)) {
        if (run.stage !== 'due' || run.json === undefined) continue
        places.take(run.webhook && flowOf(run.webhook))
        run.stage = 'resumed'
        run.consumer = consumer
        run.epoch = Math.floor(run.epoch) + 1
        run.attempts += 1
        const { runId, webhook, epoch, attempts } = run
        const checkpoint = JSON.parse(run.json) as Checkpoint
        const ref = { partition, runId, epoch, ...(webhook ? { webhook } : {}) }
        return { kind: 'resume', run: ref, checkpoint, attempts }
      }
      return undefined
    },
    handOver(consumer) {
      for (const run of detached.values())
        if (run.stage === 'resumed' && run.consumer === consumer) {
          run.attempts -= 1
          makeDue(run)
        }
    },
    abandon({ runId, epoch }) {
      const run = detached.get(runId)
      if (run?.stage === 'resumed' && run.epoch <= epoch) makeDue(run)
    },
    get parked() {
      return detached.size
    },
    get due() {
      return [...detached.values()].filter(({ stage }) => stage === 'due').length
    },
    close() {
      for (const run of detached.values()) run.cancelTimer?.()
    },
  }
}
