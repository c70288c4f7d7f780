import { expect } from '@jest/globals'
import type { Admission, IngressState, Verdict } from '../../state/state.ts'
import { socketIdOf } from '../../state/reply-id.ts'
import { StateUnavailable } from '../../state/state.ts'
import type { ContractTest } from './harness.ts'
import { addressOf, callEvent, inbox, readEvent, readEvents, waitingEvent } from './harness.ts'

const partition = 3

function kinds(verdicts: Verdict[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of verdicts) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

function admitMany(ingress: IngressState, count: number, admission: Admission): Promise<Verdict[]> {
  return Promise.all(Array.from({ length: count }, () => ingress.admit(admission)))
}

/** Throttle, leases and the door of the queue. */
export function describeAdmission(check: ContractTest): void {
  const throttle = { key: 'orders', requests: 10, windowMs: 60_000 }

  check(
    'L32 a throttle lets exactly the limit pass, tells when there is room again, and lets as many pass then',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const throttle = { key: 'orders', requests: 10, windowMs: 3_000 }
      const verdicts = await admitMany(ingress, 14, { partition, throttle })
      expect(kinds(verdicts)).toEqual({ accepted: 10, throttled: 4 })
      const waits = verdicts.flatMap((verdict) =>
        verdict.kind === 'throttled' ? [verdict.retryAfterMs] : [],
      )
      for (const wait of waits) expect(wait).toBeGreaterThan(0)
      for (const wait of waits) expect(wait).toBeLessThanOrEqual(3_000)
      await harness.advance(Math.min(...waits))
      expect(await ingress.admit({ partition, throttle })).toEqual({ kind: 'accepted' })
      await harness.advance(3_000)
      expect(kinds(await admitMany(ingress, 12, { partition, throttle }))).toEqual({
        accepted: 10,
        throttled: 2,
      })
    },
  )

  for (const [requests, before, together] of [
    [1, 0, 3],
    [15, 3, 30],
    [16, 0, 40],
    [17, 1, 40],
    [40, 0, 60],
    [40, 20, 60],
    [40, 25, 10],
  ] as const)
    check(`of ${together} calls together after ${before} at most ${requests} pass`, async (harness) => {
      const ingress = harness.ingress('pod-a')
      const many = { key: 'orders', requests, windowMs: 60_000 }
      await admitMany(ingress, before, { partition, throttle: many })
      const verdicts = await admitMany(ingress, together, { partition, throttle: many })
      const accepted = Math.min(together, requests - before)
      expect(kinds(verdicts)).toEqual({
        accepted,
        ...(accepted < together ? { throttled: together - accepted } : {}),
      })
    })

  check(
    'each of several calls together comes under its own limits, whichever is before it',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      inbox(ingress)
      const runner = harness.runner('runner')
      const few = { key: 'few', requests: 2, windowMs: 60_000 }
      const more = { key: 'more', requests: 100, windowMs: 60_000 }
      const place = (id: string, limit: number) => ({ lease: { key: 'places', id, limit } })
      const asked: [Partial<Admission>, Verdict['kind']][] = [
        [{ throttle: few }, 'accepted'],
        [{}, 'accepted'],
        [{ throttle: few }, 'accepted'],
        [{ throttle: few }, 'throttled'],
        [{ throttle: more }, 'accepted'],
        [{ throttle: more, ...place('a', 1) }, 'accepted'],
        [{ throttle: more, ...place('b', 1) }, 'crowded'],
        [{ throttle: more, ...place('c', 2) }, 'accepted'],
        [{ ...place('d', 2) }, 'crowded'],
        [{}, 'accepted'],
        [{ throttle: few }, 'throttled'],
        [{ throttle: more }, 'accepted'],
        [{ throttle: { ...more, requests: 4 } }, 'throttled'],
      ]
      const events = asked.map((_, nth) => (nth % 2 ? callEvent() : waitingEvent(partition)))
      const verdicts = await Promise.all(
        asked.map(([part], nth) =>
          ingress.admit({
            partition,
            event: events[nth] ?? callEvent(),
            ...(nth % 2 ? {} : { replyTtlMs: 60_000 }),
            ...part,
          }),
        ),
      )
      expect(verdicts.map(({ kind }) => kind)).toEqual(asked.map(([, kind]) => kind))
      const accepted = events.filter((_, nth) => asked[nth]?.[1] === 'accepted')
      const taken = await readEvents(runner, accepted.length)
      expect(taken.map(({ event }) => event)).toEqual(accepted)
      for (const { event } of taken)
        if (event.reply !== undefined)
          expect(await runner.reply(addressOf(event), { kind: 'ended' })).toBe('first')
    },
  )

  check('a throttle holds over all pods together', async (harness) => {
    const pods = [harness.ingress('pod-a'), harness.ingress('pod-b'), harness.ingress('pod-c')]
    const verdicts = await Promise.all(pods.map((pod) => admitMany(pod, 8, { partition, throttle })))
    expect(kinds(verdicts.flat())).toEqual({ accepted: 10, throttled: 14 })
  })

  check('a throttle is not prolonged by refused calls', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const long = { ...throttle, windowMs: 6_000 }
    await admitMany(ingress, 10, { partition, throttle: long })
    await harness.advance(2_000)
    const refused = await admitMany(ingress, 5, { partition, throttle: long })
    expect(kinds(refused)).toEqual({ throttled: 5 })
    const waits = refused.map((verdict) => (verdict.kind === 'throttled' ? verdict.retryAfterMs : Infinity))
    for (const wait of waits) expect(wait).toBeLessThanOrEqual(4_000)
    // By then the last of the ten is out of the window; the waits tell only when the first of them is.
    await harness.advance(4_000)
    expect(kinds(await admitMany(ingress, 10, { partition, throttle: long }))).toEqual({ accepted: 10 })
  })

  check('a throttle keeps windows of other keys and partitions apart', async (harness) => {
    const ingress = harness.ingress('pod-a')
    await admitMany(ingress, 10, { partition, throttle })
    const other = { ...throttle, key: 'invoices' }
    expect(await ingress.admit({ partition, throttle: other })).toEqual({ kind: 'accepted' })
    expect(await ingress.admit({ partition: 4, throttle })).toEqual({ kind: 'accepted' })
    expect(await ingress.admit({ partition, throttle })).toMatchObject({ kind: 'throttled' })
  })

  check('a throttle obeys a changed limit at once and remembers what was accepted', async (harness) => {
    const ingress = harness.ingress('pod-a')
    await admitMany(ingress, 5, { partition, throttle })
    const less = { ...throttle, requests: 3 }
    expect(await ingress.admit({ partition, throttle: less })).toMatchObject({ kind: 'throttled' })
    expect(kinds(await admitMany(ingress, 7, { partition, throttle }))).toEqual({
      accepted: 5,
      throttled: 2,
    })
    const more = { ...throttle, requests: 12 }
    expect(kinds(await admitMany(ingress, 4, { partition, throttle: more }))).toEqual({
      accepted: 2,
      throttled: 2,
    })
  })

  const lease = (id: string) => ({ key: 'orders', id, limit: 2 })

  check(
    'L36 a lease lets at most the limit hold a place, and gives a released place to the next',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const other = harness.ingress('pod-b')
      const holders = { a: ingress, b: other, c: ingress, d: other }
      const verdicts = await Promise.all(
        Object.entries(holders).map(([id, pod]) => pod.admit({ partition, lease: lease(id) })),
      )
      expect(kinds(verdicts)).toEqual({ accepted: 2, crowded: 2 })
      for (const [id, pod] of Object.entries(holders)) await pod.release(partition, lease(id))
      await ingress.release(partition, lease('a'))
      expect(await ingress.admit({ partition, lease: lease('e') })).toEqual({ kind: 'accepted' })
      expect(await ingress.admit({ partition, lease: lease('f') })).toEqual({ kind: 'accepted' })
      expect(await ingress.admit({ partition, lease: lease('g') })).toEqual({ kind: 'crowded' })
    },
  )

  check('a lease counts a holder once', async (harness) => {
    const ingress = harness.ingress('pod-a')
    for (const id of ['a', 'a', 'a', 'b'])
      expect(await ingress.admit({ partition, lease: lease(id) })).toEqual({ kind: 'accepted' })
  })

  check('a lease is kept for as long as its pod lives', async (harness) => {
    const ingress = harness.ingress('pod-a')
    await ingress.admit({ partition, lease: lease('a') })
    await ingress.admit({ partition, lease: lease('b') })
    await harness.advance(harness.lapseMs * 2)
    expect(await ingress.admit({ partition, lease: lease('c') })).toEqual({ kind: 'crowded' })
  })

  check('a lease lapses when its pod dies', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const dying = harness.ingress('pod-b')
    await ingress.admit({ partition, lease: lease('a') })
    await dying.admit({ partition, lease: lease('b') })
    await harness.crash(dying)
    await harness.advance(harness.lapseMs)
    expect(await ingress.admit({ partition, lease: lease('c') })).toEqual({ kind: 'accepted' })
    expect(await ingress.admit({ partition, lease: lease('d') })).toEqual({ kind: 'crowded' })
  })

  check('a lease of a pod that closes is free at once', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const closing = harness.ingress('pod-b')
    await closing.admit({ partition, lease: lease('a') })
    await closing.admit({ partition, lease: lease('b') })
    await closing.close()
    expect(await ingress.admit({ partition, lease: lease('c') })).toEqual({ kind: 'accepted' })
  })

  check.within({ backlog: 1 })(
    'a lease is not taken by a call that is throttled, nor by one that finds the backlog full',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const throttle = { key: 'orders', requests: 1, windowMs: 60_000 }
      await ingress.admit({ partition, throttle })
      expect(await ingress.admit({ partition, throttle, lease: lease('a') })).toMatchObject({
        kind: 'throttled',
      })
      await ingress.admit({ partition, event: callEvent() })
      expect(await ingress.admit({ partition, lease: lease('b'), event: callEvent() })).toEqual({
        kind: 'backlogged',
      })
      expect(await ingress.admit({ partition, lease: lease('c') })).toEqual({ kind: 'accepted' })
      expect(await ingress.admit({ partition, lease: lease('d') })).toEqual({ kind: 'accepted' })
    },
  )

  check('a call that finds no place is counted by the throttle and leaves no event', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const throttle = { key: 'orders', requests: 3, windowMs: 60_000 }
    const full = { key: 'orders', id: 'a', limit: 0 }
    for (let calls = 0; calls < 3; calls += 1)
      expect(await ingress.admit({ partition, throttle, lease: full, event: callEvent() })).toEqual({
        kind: 'crowded',
      })
    expect(await ingress.admit({ partition, throttle })).toMatchObject({ kind: 'throttled' })
    expect(await harness.runner('runner-a').read({ count: 1, blockMs: 0 })).toEqual([])
  })

  check.within({ backlog: 3 })(
    'the backlog refuses events beyond its bound until some are acknowledged, and stores nothing of them',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const runner = harness.runner('runner-a')
      const admissions = Array.from({ length: 5 }, () => ingress.admit({ partition, event: callEvent() }))
      expect(kinds(await Promise.all(admissions))).toEqual({ accepted: 3, backlogged: 2 })
      expect(await ingress.admit({ partition: 4, event: callEvent() })).toEqual({ kind: 'accepted' })
      const deliveries = await readEvents(runner, 4)
      expect(await ingress.admit({ partition, event: callEvent() })).toEqual({ kind: 'backlogged' })
      await runner.acknowledge(deliveries)
      const event = callEvent()
      expect(await ingress.admit({ partition, event })).toEqual({ kind: 'accepted' })
      expect((await readEvent(runner)).event.id).toBe(event.id)
    },
  )

  check.within({ backlog: 2 })(
    'calls of many partitions that leave together are each judged by what its own partition holds',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const runner = harness.runner('runner-a')
      const partitions = [0, 1, 2, 3, 4]
      const once = { key: 'a', fingerprint: '', ttlMs: 60_000, retryFailed: false }
      const few = { key: 'orders', requests: 2, windowMs: 60_000 }
      const calls = (of: number): Omit<Admission, 'partition'>[] => [
        { throttle: few },
        {
          throttle: few,
          lease: { key: 'orders', id: 'a', limit: 1 },
          event: callEvent({ id: `first of ${of}` }),
        },
        { throttle: few },
        { lease: { key: 'orders', id: 'b', limit: 1 } },
        { once, event: callEvent({ id: `second of ${of}` }) },
        { once, event: callEvent() },
        { event: callEvent() },
      ]
      const asked = partitions.map(calls)
      const verdicts = await Promise.all(
        calls(0).flatMap((_, nth) =>
          partitions.map((of) => ingress.admit({ ...asked[of]?.[nth], partition: of })),
        ),
      )
      for (const of of partitions)
        expect(verdicts.filter((_, at) => at % partitions.length === of)).toEqual([
          { kind: 'accepted' },
          { kind: 'accepted' },
          { kind: 'throttled', retryAfterMs: expect.any(Number) },
          { kind: 'crowded' },
          { kind: 'accepted' },
          { kind: 'repeated', eventId: `second of ${of}` },
          { kind: 'backlogged' },
        ])
      const deliveries = await readEvents(runner, 2 * partitions.length)
      for (const of of partitions)
        expect(
          deliveries.filter((delivery) => delivery.partition === of).map(({ event }) => event.id),
        ).toEqual([`first of ${of}`, `second of ${of}`])
    },
  )

  check.within({ backlogBytes: 100_000 })(
    'the backlog is bounded in bytes, and what is done, put aside or passed on in a line weighs nothing',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const runner = harness.runner('runner-a')
      const body = Buffer.alloc(10_000)
      const socket = { partition, id: socketIdOf(partition, 'a'), places: 'orders' }
      const admit = (n: number) =>
        n % 2
          ? ingress.receive(socket, { throttle: wide, event: callEvent({ body, socket: { id: socket.id } }) })
          : ingress.admit({ partition, event: callEvent({ body }) })
      const wide = { key: 'wide', requests: 1_000, windowMs: 60_000 }
      const event = callEvent({ type: 'connect', socket: { id: socket.id } })
      await ingress.connect(socket, { throttle: wide, limit: 1, event })
      await runner.acknowledge(await readEvents(runner, 1))
      for (let round = 0; round < 3; round += 1) {
        const verdicts = []
        for (let n = 0; n < 12; n += 1) verdicts.push((await admit(n)).kind)
        const accepted = verdicts.filter((kind) => kind === 'accepted').length
        expect(accepted).toBeGreaterThanOrEqual(8)
        expect(accepted).toBeLessThanOrEqual(10)
        expect(verdicts.slice(accepted)).toEqual(verdicts.slice(accepted).fill('backlogged'))
        for (let n = 0; n < accepted; n += 1) {
          const delivery = await readEvent(runner)
          if (n % 3) await runner.acknowledge([delivery, delivery])
          else await runner.deadLetter(delivery, 'a reason')
        }
      }
      expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
    },
  )

  check.within({ parked: 2 })('the backlog counts parked runs by a bound of their own', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const runner = harness.runner('runner-a')
    const [one, two] = ['one', 'two'].map((runId) => ({ partition, runId, epoch: 1 }))
    if (one === undefined || two === undefined) throw new Error('there are two runs')
    await runner.park(one, {}, 60_000)
    expect(await ingress.admit({ partition, event: callEvent() })).toEqual({ kind: 'accepted' })
    await runner.park(two, {}, 60_000)
    expect(await ingress.admit({ partition, event: callEvent() })).toEqual({ kind: 'backlogged' })
    await runner.end(one)
    expect(await ingress.admit({ partition, event: callEvent() })).toEqual({ kind: 'accepted' })
  })

  check(
    'after the close of an ingress everything of it is unavailable, and giving back does not fail',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      expect(await ingress.ready()).toBe(true)
      await ingress.close()
      await ingress.close()
      expect(await ingress.ready()).toBe(false)
      await expect(ingress.admit({ partition, event: callEvent() })).rejects.toThrow(StateUnavailable)
      await ingress.release(partition, { key: 'orders', id: 'a' })
      await ingress.closeReply(partition, waitingEvent(partition).reply.id)
    },
  )
}
