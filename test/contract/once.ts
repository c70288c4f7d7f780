import { expect } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import type { Admission, ReplyMessage, Verdict } from '../../state/state.ts'
import type { ContractTest, StateHarness } from './harness.ts'
import { addressOf, callEvent, inbox, readEvents, waitingEvent } from './harness.ts'

const partition = 2
const once = { key: 'shop/orders/delivery-1', fingerprint: '', ttlMs: 60_000, retryFailed: false }
const answer: ReplyMessage = { kind: 'reply', status: 201, headers: { 'x-a': 'b' }, body: { id: 7 } }

/** Calls that are to be taken once. */
export function describeOnce(check: ContractTest): void {
  function start(harness: StateHarness) {
    const [ingress, other, runner] = [
      harness.ingress('pod-a'),
      harness.ingress('pod-b'),
      harness.runner('runner'),
    ]
    inbox(ingress)
    inbox(other)
    const admit = (event: CallEvent, more: Partial<Admission> = {}): Promise<Verdict> =>
      ingress.admit({ partition, event, once, replyTtlMs: 60_000, ...more })
    return { ingress, other, runner, admit }
  }

  check('of calls with one key one is taken, whichever pod they come to', async (harness) => {
    const { ingress, other, runner } = start(harness)
    const events = Array.from({ length: 20 }, () => callEvent())
    const verdicts = await Promise.all(
      events.map((event, nth) => (nth % 2 ? ingress : other).admit({ partition, event, once })),
    )
    const first = events[verdicts.findIndex(({ kind }) => kind === 'accepted')]
    expect(verdicts.filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
    const rest = verdicts.filter(({ kind }) => kind !== 'accepted')
    expect(rest).toEqual(Array.from({ length: 19 }, () => ({ kind: 'repeated', eventId: first?.id })))
    expect((await readEvents(runner, 1)).map(({ event }) => event.id)).toEqual([first?.id])
  })

  check('with another key it is another call', async (harness) => {
    const { admit } = start(harness)
    expect(await admit(callEvent())).toEqual({ kind: 'accepted' })
    expect(await admit(callEvent(), { once: { ...once, key: 'shop/orders/delivery-2' } })).toEqual({
      kind: 'accepted',
    })
  })

  check('a key is forgotten after its time', async (harness) => {
    const { admit } = start(harness)
    const brief = { once: { ...once, ttlMs: 2_000 } }
    expect(await admit(callEvent(), brief)).toEqual({ kind: 'accepted' })
    expect((await admit(callEvent(), brief)).kind).toBe('repeated')
    await harness.advance(2_000)
    expect(await admit(callEvent(), brief)).toEqual({ kind: 'accepted' })
  })

  check('a key that comes with something else is told so', async (harness) => {
    const { admit } = start(harness)
    const event = callEvent()
    await admit(event, { once: { ...once, fingerprint: 'a' } })
    expect(await admit(callEvent(), { once: { ...once, fingerprint: 'b' } })).toEqual({ kind: 'reused' })
    expect(await admit(callEvent(), { once: { ...once, fingerprint: 'a' } })).toEqual({
      kind: 'repeated',
      eventId: event.id,
    })
  })

  check('a call that is refused is not remembered', async (harness) => {
    const { admit } = start(harness)
    const lease = { key: 'places', id: 'a', limit: 1 }
    expect(await admit(callEvent(), { lease, once: { ...once, key: 'other' } })).toEqual({ kind: 'accepted' })
    expect(await admit(callEvent(), { lease: { ...lease, id: 'b' } })).toEqual({ kind: 'crowded' })
    const throttle = { key: 'window', requests: 1, windowMs: 60_000 }
    await admit(callEvent(), { throttle, once: { ...once, key: 'another' } })
    expect((await admit(callEvent(), { throttle })).kind).toBe('throttled')
    expect(await admit(callEvent())).toEqual({ kind: 'accepted' })
  })

  check('a repeated call takes no place', async (harness) => {
    const { admit } = start(harness)
    const lease = (id: string) => ({ lease: { key: 'places', id, limit: 2 } })
    await admit(waitingEvent(partition), lease('a'))
    for (const id of ['b', 'c', 'd'])
      expect((await admit(waitingEvent(partition), lease(id))).kind).toBe('repeated')
    expect(await admit(callEvent(), { ...lease('e'), once: { ...once, key: 'other' } })).toEqual({
      kind: 'accepted',
    })
  })

  check('the answer is given to all who say the same again', async (harness) => {
    const { admit, runner } = start(harness)
    const event = waitingEvent(partition)
    await admit(event)
    expect(await admit(waitingEvent(partition))).toEqual({ kind: 'repeated', eventId: event.id })
    expect(await runner.reply(addressOf(event), answer)).toBe('first')
    for (const _ of [1, 2])
      expect(await admit(waitingEvent(partition))).toEqual({
        kind: 'repeated',
        eventId: event.id,
        message: answer,
      })
    expect(await runner.reply(addressOf(event), { kind: 'output', body: 'another' })).toBe('late')
    expect(await admit(waitingEvent(partition))).toMatchObject({ message: answer })
  })

  check('the answer is remembered even if the first caller no longer waited for it', async (harness) => {
    const { admit, ingress, runner } = start(harness)
    const event = waitingEvent(partition)
    await admit(event, { replyTtlMs: 100 })
    await ingress.closeReply(partition, event.reply.id)
    await harness.advance(150)
    expect(await runner.reply(addressOf(event), answer)).toBe('late')
    expect(await admit(waitingEvent(partition))).toMatchObject({ kind: 'repeated', message: answer })
  })

  for (const failed of [true, false])
    check(`the answer may be that there was none; failed: ${failed}`, async (harness) => {
      const { admit, ingress, runner } = start(harness)
      const event = waitingEvent(partition)
      await admit(event)
      await ingress.closeReply(partition, event.reply.id)
      await runner.settle(addressOf(event), { runId: 'run', failed, total: 1 })
      const message = { kind: failed ? 'failed' : 'ended' }
      expect(await admit(waitingEvent(partition))).toEqual({ kind: 'repeated', eventId: event.id, message })
    })

  const again = { once: { ...once, retryFailed: true } }

  check(
    'the answer of an event that is tried again when it failed is not that it failed: the next one is taken',
    async (harness) => {
      const { admit, runner } = start(harness)
      const [first, second] = [waitingEvent(partition), waitingEvent(partition)]
      await admit(first, again)
      expect((await admit(waitingEvent(partition), again)).kind).toBe('repeated')
      await runner.settle(addressOf(first), { runId: 'run', failed: true, total: 1 })
      expect(await admit(second, again)).toEqual({ kind: 'accepted' })
      await runner.settle(addressOf(second), { runId: 'run', failed: false, total: 1 })
      expect(await admit(waitingEvent(partition), again)).toEqual({
        kind: 'repeated',
        eventId: second.id,
        message: { kind: 'ended' },
      })
    },
  )

  check(
    'that an event failed which is to be tried again is known although the caller no longer waited',
    async (harness) => {
      const { admit, ingress, runner } = start(harness)
      const event = waitingEvent(partition)
      await admit(event, again)
      await ingress.closeReply(partition, event.reply.id)
      await runner.settle(addressOf(event), { runId: 'run', failed: true, total: 1 })
      expect(await admit(waitingEvent(partition), again)).toEqual({ kind: 'accepted' })
    },
  )

  check(
    'the answer of an event that is tried again when it failed stays when a run failed after it: the sender has been told that it was taken',
    async (harness) => {
      const { admit, runner } = start(harness)
      const event = waitingEvent(partition)
      await admit(event, again)
      await runner.reply(addressOf(event), answer)
      await runner.settle(addressOf(event), { runId: 'run', failed: true, total: 1 })
      expect(await admit(waitingEvent(partition), again)).toMatchObject({ message: answer })
    },
  )
}
