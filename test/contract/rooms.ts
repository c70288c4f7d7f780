import { expect } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import type { Rooms, WebhookRef } from '../../state/rooms.ts'
import { flowOf } from '../../state/rooms.ts'
import type { Delivery, IngressState, RunnerState } from '../../state/state.ts'
import type { ContractTest } from './harness.ts'
import { callEvent, readEvent, readResume } from './harness.ts'
import { messageOf, newSocket, socketEvent, wide } from './sockets.ts'

const partition = 3
const slow = { namespace: 'a', name: 'slow' }
const other = { namespace: 'a', name: 'other' }
const quick = { namespace: 'b', name: 'quick' }

function webhookOf(delivery: Delivery): WebhookRef | undefined {
  return delivery.kind === 'event' ? delivery.event.webhook : delivery.run.webhook
}

/** Takes what there is as long as there is room for it, as a runner does that ends none of it. */
async function fill(runner: RunnerState, rooms: Rooms): Promise<Delivery[]> {
  const taken: Delivery[] = []
  for (;;) {
    const named = new Map(rooms.named)
    const count = (name: string, room: number): void => void named.set(name, (named.get(name) ?? room) - 1)
    for (const webhook of taken.map(webhookOf)) {
      if (webhook === undefined) continue
      count(webhook.namespace, rooms.namespace)
      count(flowOf(webhook), rooms.webhook)
    }
    const some = await runner.read({ count: 100, blockMs: 0, rooms: { ...rooms, named } })
    if (some.length === 0) return taken
    taken.push(...some)
  }
}

const namesOf = (deliveries: Delivery[]): string[] =>
  deliveries.map((delivery) => webhookOf(delivery)?.name ?? '').toSorted()

function of(webhook: WebhookRef, count: number): CallEvent[] {
  return Array.from({ length: count }, () => callEvent({ webhook }))
}

/** No Webhook and no namespace takes what others need, see `RunnerState.read`. */
export function describeRooms(check: ContractTest): void {
  async function admit(ingress: IngressState, events: CallEvent[], into = partition): Promise<void> {
    for (const event of events)
      expect(await ingress.admit({ partition: into, event })).toEqual({ kind: 'accepted' })
  }

  const rooms: Rooms = { namespace: 5, webhook: 3, named: new Map() }

  check(
    'events for which there is no room keep nobody waiting, and go in their order to who has room',
    async (harness) => {
      const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
      const events = of(slow, 500)
      await admit(ingress, [...events, ...of(quick, 2)])
      const first = await fill(runner, rooms)
      expect(namesOf(first)).toEqual(['quick', 'quick', 'slow', 'slow', 'slow'])
      expect((await ingress.statistics()).deferredEvents).toBe(497)
      expect((await ingress.statistics()).events).toBe(502)
      const rest = await fill(harness.runner('runner-b'), {
        namespace: 1_000,
        webhook: 1_000,
        named: new Map(),
      })
      const ids = [...first, ...rest].flatMap((one) =>
        one.kind === 'event' && one.event.webhook.name === 'slow' ? [one.event.id] : [],
      )
      expect(ids).toEqual(events.map(({ id }) => id))
      expect(rest.every((one) => one.kind === 'event' && one.deliveries === 1)).toBe(true)
      expect((await ingress.statistics()).deferredEvents).toBe(0)
    },
  )

  check('one is delivered when there is room again, and done like any other', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    await admit(ingress, of(slow, 5))
    const first = await fill(runner, rooms)
    expect(first).toHaveLength(3)
    const full = { ...rooms, named: new Map([[flowOf(slow), 0]]) }
    expect(await runner.read({ count: 10, blockMs: 0, rooms: full })).toEqual([])
    const second = await fill(runner, { ...rooms, named: new Map([[flowOf(slow), 1]]) })
    expect(second).toHaveLength(1)
    const events = [...first, ...second].filter((one) => one.kind === 'event')
    await runner.acknowledge(events)
    expect((await ingress.statistics()).events).toBe(1)
    await runner.deadLetter(await readEvent(runner), 'a fault')
    expect(await ingress.statistics()).toMatchObject({ events: 0, deferredEvents: 0, deadLetters: 1 })
  })

  check('the Webhooks of a namespace share its room', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    await admit(ingress, [...of(slow, 10), ...of(other, 10)])
    await admit(ingress, [...of(other, 10), ...of(quick, 1)], 4)
    const names = namesOf(await fill(runner, { ...rooms, namespace: 4 }))
    expect(names).toContain('quick')
    // Partitions that are read at the same time know nothing of each other.
    const ofNamespace = names.filter((name) => name !== 'quick').length
    expect([4, 5, 6]).toContain(ofNamespace)
    const left = { ...rooms, named: new Map([[slow.namespace, 0]]) }
    await admit(ingress, of(quick, 1))
    expect(namesOf(await fill(harness.runner('runner-b'), left))).toEqual(['quick'])
  })

  check('what was deferred is nobody’s: its runner may die', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    await admit(ingress, of(slow, 5))
    const deliveries = await fill(runner, rooms)
    await harness.crash(runner)
    const seen: number[] = []
    const next = harness.runner('runner-b')
    while (seen.length < 5) seen.push((await readEvent(next)).deliveries)
    expect(deliveries).toHaveLength(3)
    expect(seen.toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2, 2])
  })

  check('what a dead runner leaves is deferred as well, and comes as its next delivery', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    await admit(ingress, of(slow, 2))
    expect(await fill(runner, rooms)).toHaveLength(2)
    await harness.crash(runner)
    const next = harness.runner('runner-b')
    const full = { ...rooms, named: new Map([[flowOf(slow), 0]]) }
    while ((await ingress.statistics()).deferredEvents < 2) {
      expect(await next.read({ count: 10, blockMs: 0, rooms: full })).toEqual([])
      await harness.advance(100)
    }
    expect([await readEvent(next), await readEvent(next)]).toMatchObject([
      { deliveries: 2 },
      { deliveries: 2 },
    ])
  })

  check('runs that are due and have no room keep nobody waiting either', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    const run = (runId: string, webhook: WebhookRef) => ({ partition, runId, epoch: 1, webhook })
    for (let each = 0; each < 20; each += 1) await runner.park(run(`slow-${each}`, slow), {}, 0)
    await runner.park(run('quick', quick), {}, 0)
    await admit(ingress, of(quick, 1))
    const full = { ...rooms, named: new Map([[flowOf(slow), 0]]) }
    await harness.advance(5)
    expect(namesOf(await fill(runner, full))).toEqual(['quick', 'quick'])
    const resumed = await readResume(runner)
    expect(resumed).toMatchObject({ attempts: 1, run: { webhook: slow, epoch: 2 } })
  })

  check('the events of a WebSocket stay in their order', async (harness) => {
    const [ingress, runner] = [harness.ingress('pod'), harness.runner('runner-a')]
    const socket = newSocket()
    const connect = socketEvent(socket, 'connect', { webhook: slow })
    await ingress.connect(socket, { throttle: wide, limit: 1, event: connect })
    for (const text of ['one', 'two'])
      await ingress.receive(socket, {
        throttle: wide,
        event: { ...messageOf(socket, text), webhook: slow },
      })
    const full = { ...rooms, named: new Map([[flowOf(slow), 0]]) }
    expect(await runner.read({ count: 10, blockMs: 0, rooms: full })).toEqual([])
    const seen: string[] = []
    for (let each = 0; each < 3; each += 1) {
      const delivery = await readEvent(runner)
      seen.push(delivery.event.body.toString())
      expect(await runner.read({ count: 10, blockMs: 0, rooms: full })).toEqual([])
      await runner.acknowledge([delivery])
      expect(await runner.read({ count: 10, blockMs: 0, rooms: full })).toEqual([])
    }
    expect(seen).toEqual(['', 'one', 'two'])
  })
}
