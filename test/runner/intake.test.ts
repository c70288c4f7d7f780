/** Which deliveries get a hand, on a state in memory and a clock that stands still. */
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createIntake } from '../../runner/intake.ts'
import type { Intake } from '../../runner/intake.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import type { MemoryState } from '../../state/memory/memory.ts'
import type { Delivery, IngressState, RunnerState } from '../../state/state.ts'
import type { WebhookRef } from '../../state/rooms.ts'
import { callEvent } from '../contract/harness.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { until } from '../support/until.ts'

const slow = { namespace: 'tenant-a', name: 'slow' }
const quick = { namespace: 'tenant-b', name: 'quick' }

let state: MemoryState
let ingress: IngressState
let runner: RunnerState
let intake: Intake
/** What each slow delivery in hand waits for, and how many of each Webhook were done. */
let held: (() => void)[]
let done: Map<string, number>

beforeEach(() => {
  const clock = createManualClock()
  state = createMemoryState({ clock })
  ingress = state.ingress('pod')
  runner = state.runner('runner')
  held = []
  done = new Map()
  const work = async (delivery: Delivery): Promise<void> => {
    const { webhook } = delivery.kind === 'event' ? delivery.event : delivery.run
    if (webhook?.name === 'slow') await new Promise<void>((resolve) => held.push(resolve))
    if (delivery.kind === 'event') await runner.acknowledge([delivery])
    else await runner.end(delivery.run)
    const name = webhook?.name ?? ''
    done.set(name, (done.get(name) ?? 0) + 1)
  }
  const onFault = (error: unknown): void => {
    throw error
  }
  intake = createIntake({ state: runner, clock, concurrency: 20, onFault, work })
  intake.start()
})
afterEach(async () => {
  const stopped = intake.stop()
  for (const release of held) release()
  await stopped
  await intake.idle()
  await state.close()
})

async function admit(webhook: WebhookRef, count: number, partition = 3): Promise<void> {
  for (let each = 0; each < count; each += 1)
    await ingress.admit({ partition, event: callEvent({ webhook }) })
}

test('a tenant whose runs do not end leaves hands for another one in its own partition', async () => {
  await admit(slow, 1_000)
  await until(() => held.length === 16)
  await admit(quick, 100)
  await until(() => done.get('quick') === 100)
  // Of 20 hands.
  expect([held.length, intake.inHand, intake.mostOfOne]).toEqual([16, 16, 16])
})

test('hands that are given back go to what was deferred, until all of it is done', async () => {
  await admit(slow, 300)
  await admit(quick, 5)
  let most = 0
  for (let released = 0; released < 300; released += 1) {
    await until(() => held.length > 0, { everyMs: 0 })
    most = Math.max(most, intake.inHand)
    held.shift()?.()
  }
  await until(() => done.get('slow') === 300 && done.get('quick') === 5)
  expect(most).toBeLessThanOrEqual(20)
  expect((await ingress.statistics()).events).toBe(0)
})

test('woken runs take of the same hands', async () => {
  for (let each = 0; each < 100; each += 1)
    await runner.park({ partition: 3, runId: `slow-${each}`, epoch: 1, webhook: slow }, {}, 0)
  await until(() => held.length === 16)
  await runner.park({ partition: 3, runId: 'quick', epoch: 1, webhook: quick }, {}, 0)
  await until(() => done.get('quick') === 1)
  for (let released = 0; released < 100; released += 1) {
    await until(() => held.length > 0, { everyMs: 0 })
    held.shift()?.()
  }
  await until(() => done.get('slow') === 100)
})

test('tenants share the hands when they have work at the same time', async () => {
  const other = { namespace: 'tenant-c', name: 'slow' }
  await admit(slow, 100)
  await admit(other, 100, 4)
  await until(() => held.length === 20)
  // The first had 16; each that ends leaves a hand to who has less.
  for (let released = 0; released < 40; released += 1) {
    await until(() => held.length > 0, { everyMs: 0 })
    held.shift()?.()
  }
  await until(() => held.length >= 16)
  expect(intake.mostOfOne).toBeLessThanOrEqual(10)
})
