import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import { createMemoryState } from '../../state/memory/memory.ts'
import type { MemoryState } from '../../state/memory/memory.ts'
import { createWindows } from '../../state/memory/throttle.ts'
import { callEvent, readEvents } from '../contract/harness.ts'
import { describeState } from '../contract/state.ts'
import type { Delivery, RunnerState } from '../../state/state.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { createManualClock } from '../support/manual-clock.ts'

describeState('memory state', async ({ backlog, backlogBytes, parked, deadLetterBytes } = {}) => {
  const clock = createManualClock()
  const state = createMemoryState({
    clock,
    backlog: {
      ...(backlog === undefined ? {} : { events: backlog }),
      ...(backlogBytes === undefined ? {} : { bytes: backlogBytes }),
    },
    ...(parked === undefined ? {} : { parked }),
    ...(deadLetterBytes === undefined ? {} : { deadLetterBytes }),
  })
  return {
    ingress: state.ingress,
    runner: (consumerId) => mortal(state.runner(consumerId)),
    advance: clock.advance,
    // In one process the only way to die is to be closed.
    async crash(process) {
      if ('die' in process) (process as MortalRunner).die()
      await process.close()
    },
    lapseMs: 1_000,
    deadLetters: async (partition) => state.deadLetters(partition),
    close: state.close,
  }
})

interface MortalRunner extends RunnerState {
  die(): void
}

/** Leaves what it has read, instead of handing it over, when it dies. */
function mortal(runner: RunnerState): MortalRunner {
  const had: Delivery[] = []
  return {
    ...runner,
    async read(options) {
      const deliveries = await runner.read(options)
      had.push(...deliveries)
      return deliveries
    },
    die() {
      for (const delivery of had) runner.abandon(delivery)
    },
  }
}

describe('memory state on a manual clock', () => {
  let clock: ManualClock
  let state: MemoryState
  beforeEach(() => {
    clock = createManualClock()
    state = createMemoryState({ clock, backlog: { bytes: 1_000 } })
  })
  afterEach(() => state.close())

  test('L32 100 calls in 10 s pass, the next is told to the millisecond when it passes', async () => {
    const ingress = state.ingress('pod')
    const throttle = { key: 'orders', requests: 100, windowMs: 10_000 }
    for (let call = 0; call < 100; call += 1) {
      expect(await ingress.admit({ partition: 0, throttle })).toEqual({ kind: 'accepted' })
      await clock.advance(10)
    }
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({
      kind: 'throttled',
      retryAfterMs: 9_000,
    })
    await clock.advance(8_999)
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({ kind: 'throttled', retryAfterMs: 1 })
    await clock.advance(1)
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({ kind: 'accepted' })
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({ kind: 'throttled', retryAfterMs: 10 })
  })

  test('a parked run wakes a reader in the very millisecond', async () => {
    const runner = state.runner('runner')
    let woken = false
    await runner.park({ partition: 0, runId: 'run', epoch: 1 }, {}, 90 * 86_400_000)
    const reading = runner.read({ count: 1, blockMs: 100 * 86_400_000 }).then(() => (woken = true))
    await clock.advance(90 * 86_400_000 - 1)
    expect(woken).toBe(false)
    await clock.advance(1)
    expect(await reading).toBe(true)
  })

  test('the bodies of the backlog are bounded together', async () => {
    const ingress = state.ingress('pod')
    const event = () => callEvent({ body: Buffer.alloc(400) })
    for (const kind of ['accepted', 'accepted', 'accepted', 'backlogged'])
      expect(await ingress.admit({ partition: 0, event: event() })).toEqual({ kind })
    const runner = state.runner('runner')
    await runner.acknowledge((await readEvents(runner, 3)).slice(0, 1))
    expect(await ingress.admit({ partition: 0, event: event() })).toEqual({ kind: 'accepted' })
  })

  test('an event taken over by another runner is not acknowledged by the first', async () => {
    await state.ingress('pod').admit({ partition: 0, event: callEvent() })
    const first = state.runner('first')
    const deliveries = await readEvents(first, 1)
    await first.close()
    const second = state.runner('second')
    await readEvents(second, 1)
    await state.runner('first').acknowledge(deliveries)
    await second.close()
    expect(await readEvents(state.runner('third'), 1)).toMatchObject([{ deliveries: 3 }])
  })

  test.each([-86_400_000, 86_400_000])('nothing depends on the time of day, set by %s ms', async (step) => {
    const ingress = state.ingress('pod')
    const throttle = { key: 'orders', requests: 1, windowMs: 10_000 }
    const once = { key: 'a', fingerprint: '', ttlMs: 60_000, retryFailed: false }
    await ingress.admit({ partition: 0, throttle, once, event: callEvent() })
    const runner = state.runner('runner')
    await runner.save({ partition: 0, runId: 'run', epoch: 1 }, 'saved')
    clock.set(clock.now() + step)
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({
      kind: 'throttled',
      retryAfterMs: 10_000,
    })
    expect(await ingress.admit({ partition: 0, once, event: callEvent() })).toMatchObject({
      kind: 'repeated',
    })
    expect(await runner.takeOver([{ partition: 0, runId: 'run', epoch: 2 }])).toEqual([
      { kind: 'checkpoint', checkpoint: 'saved' },
    ])
    await clock.advance(10_000)
    expect(await ingress.admit({ partition: 0, throttle })).toEqual({ kind: 'accepted' })
  })

  test('a closed state takes no more processes', async () => {
    await state.close()
    expect(() => state.ingress('pod')).toThrow('closed')
    expect(() => state.runner('runner')).toThrow('closed')
  })
})

describe('the sliding window', () => {
  const steps = fc.array(
    fc.record({
      waitMs: fc.oneof(fc.constant(0), fc.nat(30), fc.nat(300)),
      key: fc.constantFrom('a', 'b'),
      requests: fc.oneof(
        { weight: 8, arbitrary: fc.constant(5) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 8 }) },
      ),
      windowMs: fc.oneof(
        { weight: 8, arbitrary: fc.constant(100) },
        { weight: 1, arbitrary: fc.constantFrom(50, 200) },
      ),
    }),
    { maxLength: 200 },
  )

  test('agrees with a list of all accepted times, whatever comes when', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (calls, limitsChange) => {
        let time = 0
        const windows = createWindows(() => time)
        const accepted = new Map<string, number[]>()
        for (const call of calls) {
          time += call.waitMs
          const { key } = call
          const { requests, windowMs } = limitsChange ? call : { requests: 5, windowMs: 100 }
          const times = accepted.get(key) ?? []
          accepted.set(key, times)
          // Limits that change see what the earlier limit remembered; the model is told of nothing but the
          // plain case.
          const inWindow = times.filter((at) => at > time - windowMs)
          const wait = windows.take({ key, requests, windowMs })
          if (wait === 0) times.push(time)
          if (limitsChange) {
            if (inWindow.length < requests) expect(wait).toBe(0)
            continue
          }
          const blocking = inWindow[inWindow.length - requests]
          expect(wait).toBe(blocking === undefined ? 0 : blocking + windowMs - time)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a call passes after exactly the time it was told', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 6, maxLength: 60 }), (waits) => {
        let time = 0
        const windows = createWindows(() => time)
        const throttle = { key: 'a', requests: 5, windowMs: 100 }
        for (const wait of waits) {
          time += wait
          const retryAfterMs = windows.take(throttle)
          if (retryAfterMs === 0) continue
          time += retryAfterMs - 1
          expect(windows.take(throttle)).toBe(1)
          time += 1
          expect(windows.take(throttle)).toBe(0)
        }
      }),
    )
  })

  test('windows that are over are swept while others are made', () => {
    let time = 0
    const windows = createWindows(() => time)
    for (let call = 0; call < 100_000; call += 1) {
      time += 1
      windows.take({ key: `ip-${call}`, requests: 100, windowMs: 1_000 })
    }
    expect(windows.size).toBeLessThan(2_100)
  })
})
