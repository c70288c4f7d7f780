import { expect } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import type { DeadLetterNotice } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import type { ContractTest } from './harness.ts'
import { callEvent, inbox, readEvent, readEvents, waitingEvent } from './harness.ts'

const partition = 3

/** The way of an event to a runner, and to the next one when that one dies. */
export function describeDelivery(check: ContractTest): void {
  const shapes: [string, Partial<CallEvent>][] = [
    ['a JSON body', {}],
    ['an empty body', { body: Buffer.alloc(0) }],
    ['a body that is not UTF-8', { body: Buffer.from([0, 255, 254, 10, 13, 128, 0]) }],
    ['a body of 256 KiB', { body: Buffer.alloc(256 * 1_024, 'é') }],
    ['a reply to wait for', { reply: { id: '3.x', mode: 'Output' } }],
    [
      'all its fields',
      {
        id: '01890a5d-ac96-774b-bcce-b302099a8057',
        type: 'message',
        webhook: { namespace: 'lager', name: 'größe' },
        path: '/a/%2e/\\"b',
        query: 'a=1&a=%20&é',
        headers: { 'x-empty': '', 'x-quote': '"\n\u0000\u2028ü', __proto__x: 'y' },
        clientIP: '2001:db8::1',
        merged: true,
      },
    ],
  ]
  for (const [shape, part] of shapes)
    check(`an event with ${shape} arrives as it was admitted`, async (harness) => {
      const ingress = harness.ingress('pod-a')
      const event = callEvent(part)
      await ingress.admit({ partition, event, replyTtlMs: 60_000 })
      expect(await readEvent(harness.runner('runner-a'))).toEqual({
        kind: 'event',
        partition,
        entry: expect.any(String),
        event,
        deliveries: 1,
      })
    })

  check('events of a partition arrive in order, each at one runner', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const events = Array.from({ length: 50 }, () => callEvent())
    for (const event of events) await ingress.admit({ partition, event })
    const runners = [harness.runner('runner-a'), harness.runner('runner-b')]
    const seen: string[][] = [[], []]
    while (seen.flat().length < 50)
      for (const [index, runner] of runners.entries())
        for (const { event } of await readEvents(runner, 5)) seen[index]?.push(event.id)
    const order = events.map((event) => event.id)
    expect(seen.flat().toSorted()).toEqual(order.toSorted())
    for (const ids of seen) expect(ids).toEqual(order.filter((id) => ids.includes(id)))
  })

  check('events of every partition arrive', async (harness) => {
    const ingress = harness.ingress('pod-a')
    for (let each = 0; each < 8; each += 1) await ingress.admit({ partition: each, event: callEvent() })
    const deliveries = await readEvents(harness.runner('runner-a'), 8)
    expect(new Set(deliveries.map((delivery) => delivery.partition))).toEqual(
      new Set([0, 1, 2, 3, 4, 5, 6, 7]),
    )
  })

  check('a busy partition does not starve another', async (harness) => {
    const ingress = harness.ingress('pod-a')
    for (let calls = 0; calls < 100; calls += 1) await ingress.admit({ partition: 1, event: callEvent() })
    await ingress.admit({ partition: 2, event: callEvent() })
    const deliveries = await readEvents(harness.runner('runner-a'), 40)
    expect(deliveries.map((delivery) => delivery.partition)).toContain(2)
  })

  check('a read waits for the next event', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const reading = readEvent(harness.runner('runner-a'))
    const event = callEvent()
    await ingress.admit({ partition, event })
    expect((await reading).event.id).toBe(event.id)
  })

  check(
    'a read ends with nothing after its time, when it is aborted, and when its runner is closed',
    async (harness) => {
      const runner = harness.runner('runner-a')
      expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
      const timed = runner.read({ count: 1, blockMs: 300 })
      await harness.advance(400)
      expect(await timed).toEqual([])
      const abort = new AbortController()
      const aborted = runner.read({ count: 1, blockMs: 60_000, signal: abort.signal })
      abort.abort()
      expect(await aborted).toEqual([])
      expect(await runner.read({ count: 1, blockMs: 60_000, signal: abort.signal })).toEqual([])
      const closed = runner.read({ count: 1, blockMs: 60_000 })
      await runner.close()
      expect(await closed).toEqual([])
    },
  )

  for (const end of ['crash', 'close'] as const)
    check(`what a runner has not acknowledged goes to others after its ${end}`, async (harness) => {
      const ingress = harness.ingress('pod-a')
      const events = Array.from({ length: 4 }, () => callEvent())
      for (const event of events) await ingress.admit({ partition, event })
      const first = harness.runner('runner-a')
      const [done, ...left] = await readEvents(first, 3)
      if (done === undefined) throw new Error('an event was read')
      await first.acknowledge([done])
      await (end === 'crash' ? harness.crash(first) : first.close())
      const second = harness.runner('runner-b')
      const deliveries = await readEvents(second, 3)
      expect(new Map(deliveries.map(({ event, deliveries }) => [event.id, deliveries]))).toEqual(
        new Map([...left.map(({ event }) => [event.id, 2] as const), [events[3]?.id, 1]]),
      )
      await second.acknowledge(deliveries)
      await second.acknowledge(deliveries)
      expect(await harness.runner('runner-c').read({ count: 10, blockMs: 0 })).toEqual([])
    })

  check(
    'an event over which five runners die is put aside and told of, and its caller gets `failed`',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const replies = inbox(ingress)
      const event = waitingEvent(partition)
      await ingress.admit({ partition, event, replyTtlMs: 60_000 })
      for (let deliveries = 1; deliveries <= 5; deliveries += 1) {
        const runner = harness.runner(`runner-${deliveries}`)
        expect(await readEvent(runner)).toMatchObject({ deliveries, event: { id: event.id } })
        await harness.crash(runner)
      }
      const last = harness.runner('runner-last')
      const letters: DeadLetterNotice[] = []
      last.onDeadLetter((letter) => letters.push(letter))
      const reading = last.read({ count: 1, blockMs: 60_000 })
      expect(await replies.next()).toEqual({ replyId: event.reply.id, message: { kind: 'failed' } })
      expect(await harness.deadLetters(partition)).toEqual([
        { event, deliveries: 5, reason: expect.any(String) },
      ])
      await last.close()
      expect(await reading).toEqual([])
      expect(letters).toEqual([
        { eventId: event.id, webhook: event.webhook, reason: '5 runners have died over it' },
      ])
    },
  )

  check('runners that hand an event over do not count', async (harness) => {
    const ingress = harness.ingress('pod-a')
    await ingress.admit({ partition, event: callEvent() })
    for (let deliveries = 1; deliveries <= 6; deliveries += 1) {
      const runner = harness.runner(`runner-${deliveries}`)
      expect(await readEvent(runner)).toMatchObject({ deliveries })
      await runner.close()
    }
    expect(await harness.deadLetters(partition)).toEqual([])
  })

  check('runners that die after a checkpoint do not count', async (harness) => {
    const ingress = harness.ingress('pod-a')
    await ingress.admit({ partition, event: callEvent() })
    for (let deliveries = 1; deliveries <= 5; deliveries += 1) {
      const runner = harness.runner(`runner-${deliveries}`)
      const { entry } = await readEvent(runner)
      if (deliveries === 3) await runner.save({ partition, runId: 'run', epoch: deliveries, entry }, {})
      await harness.crash(runner)
    }
    expect(await readEvent(harness.runner('runner-6'))).toMatchObject({ deliveries: 6 })
    expect(await harness.deadLetters(partition)).toEqual([])
  })

  check(
    'an acknowledgement or dead letter of a former delivery has no effect, even of the same runner',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      await ingress.admit({ partition, event: callEvent() })
      const runner = harness.runner('runner-a')
      const first = await readEvent(runner)
      runner.abandon(first)
      const again = await readEvent(runner)
      expect(again).toMatchObject({ entry: first.entry, deliveries: 2 })
      await runner.acknowledge([first])
      await runner.deadLetter(first, 'of before')
      await runner.close()
      const other = harness.runner('runner-b')
      expect(await readEvent(other)).toMatchObject({ entry: first.entry, deliveries: 3 })
      expect(await harness.deadLetters(partition)).toEqual([])
    },
  )

  check(
    'an acknowledgement of a former delivery has no effect after a checkpoint of this one',
    async (harness) => {
      await harness.ingress('pod-a').admit({ partition, event: callEvent() })
      const runner = harness.runner('runner-a')
      const first = await readEvent(runner)
      runner.abandon(first)
      const { entry } = await readEvent(runner)
      await runner.save({ partition, runId: 'run', epoch: 2, entry }, {})
      await runner.acknowledge([first])
      await runner.close()
      expect(await readEvent(harness.runner('runner-b'))).toMatchObject({ entry, deliveries: 3 })
    },
  )

  check('an event that is acknowledged or put aside again makes no room again', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const runner = harness.runner('runner-a')
    const fill = async (): Promise<number> => {
      await ingress.admit({ partition, event: callEvent() })
      return (await ingress.statistics()).fullest
    }
    const one = await fill()
    await fill()
    await fill()
    const [first, second] = await readEvents(runner, 3)
    if (first === undefined || second === undefined) throw new Error('there are three events')
    await runner.deadLetter(second, 'a fault')
    await runner.acknowledge([first, first, second])
    await runner.acknowledge([first, second])
    expect(await ingress.statistics()).toMatchObject({ events: 1, fullest: one })
  })

  check('a dead letter leaves the queue with its reason, and its caller gets `failed`', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const replies = inbox(ingress)
    const event = waitingEvent(partition)
    await ingress.admit({ partition, event, replyTtlMs: 60_000 })
    const runner = harness.runner('runner-a')
    const letters: DeadLetterNotice[] = []
    runner.onDeadLetter((letter) => letters.push(letter))
    const delivery = await readEvent(runner)
    await runner.deadLetter(delivery, 'the body can not be decoded')
    expect(await replies.next()).toEqual({ replyId: event.reply.id, message: { kind: 'failed' } })
    await runner.deadLetter(delivery, 'again')
    const reason = 'the body can not be decoded'
    expect(letters).toEqual([{ eventId: event.id, webhook: event.webhook, reason }])
    expect(await harness.deadLetters(partition)).toEqual([
      { event, deliveries: 1, reason: 'the body can not be decoded' },
    ])
    await runner.close()
    expect(await harness.runner('runner-b').read({ count: 1, blockMs: 0 })).toEqual([])
  })

  check.within({ deadLetterBytes: 250_000 })(
    'of dead letters that are large the last ones are kept, and the last one however large',
    async (harness) => {
      const ingress = harness.ingress('pod-a')
      const runner = harness.runner('runner-a')
      const putAside = async (bytes: number): Promise<string> => {
        const event = callEvent({ body: Buffer.alloc(bytes, 'x') })
        await ingress.admit({ partition, event })
        await runner.deadLetter(await readEvent(runner), 'a fault')
        return event.id
      }
      const kept = async (): Promise<string[]> =>
        (await harness.deadLetters(partition)).map(({ event }) => event.id)
      const ids = []
      for (let each = 0; each < 5; each += 1) ids.push(await putAside(100_000))
      expect(await kept()).toEqual(ids.slice(-2))
      const small = [await putAside(10), await putAside(10)]
      expect(await kept()).toEqual([...ids.slice(-2), ...small])
      const large = await putAside(260_000)
      expect(await kept()).toEqual([large])
      expect(await ingress.statistics()).toMatchObject({ deadLetters: 1, deadLettersEver: 8 })
      const last = await putAside(10)
      expect(await kept()).toEqual([last])
    },
  )

  check('after the close of a runner everything of it is unavailable', async (harness) => {
    const ingress = harness.ingress('pod-a')
    const event = waitingEvent(partition)
    await ingress.admit({ partition, event, replyTtlMs: 60_000 })
    const runner = harness.runner('runner-a')
    const delivery = await readEvent(runner)
    const run = { partition, runId: 'run', epoch: 1 }
    expect(await runner.ready()).toBe(true)
    await runner.close()
    await runner.close()
    expect(await runner.ready()).toBe(false)
    const address = { replyId: event.reply.id, namespace: 'shop' }
    const attempts = [
      runner.read({ count: 1, blockMs: 0 }),
      runner.acknowledge([delivery]),
      runner.deadLetter(delivery, 'reason'),
      runner.takeOver([run]),
      runner.save(run, {}),
      runner.park(run, {}, 10),
      runner.end(run),
      runner.reply(address, { kind: 'ended' }),
      runner.settle(address, { runId: 'run', failed: false, total: 1 }),
    ]
    for (const attempt of await Promise.allSettled(attempts))
      expect(attempt).toMatchObject({ status: 'rejected', reason: expect.any(StateUnavailable) })
  })
}
