import { expect } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import type { IngressState, ReplyMessage, RunnerState } from '../../state/state.ts'
import type { ContractTest, StateHarness } from './harness.ts'
import { addressOf, inbox, waitingEvent } from './harness.ts'

const partition = 3

/** The way of a run's answer back to the caller who waits. */
export function describeReplies(check: ContractTest): void {
  const start = (harness: StateHarness): { ingress: IngressState; runner: RunnerState } => ({
    ingress: harness.ingress('pod-a'),
    runner: harness.runner('runner-a'),
  })
  const admit = async (ingress: IngressState, part: Partial<CallEvent> = {}) => {
    const event = waitingEvent(partition, part)
    expect(await ingress.admit({ partition, event, replyTtlMs: 60_000 })).toEqual({ kind: 'accepted' })
    return { address: addressOf(event), replyId: event.reply.id }
  }

  const messages: ReplyMessage[] = [
    {
      kind: 'reply',
      status: 202,
      headers: { 'x-run': 'é"\n' },
      body: { text: 'ü\u0000', list: [1, null, true] },
    },
    { kind: 'reply', status: 200, headers: {}, body: null },
    { kind: 'output', body: 'text' },
    { kind: 'ended' },
    { kind: 'failed' },
  ]
  for (const message of messages)
    check(`${JSON.stringify(message)} reaches the pod that waits`, async (harness) => {
      const { ingress, runner } = start(harness)
      const replies = inbox(ingress)
      const others = inbox(harness.ingress('pod-b'))
      const { address, replyId } = await admit(ingress)
      expect(await runner.reply(address, message)).toBe('first')
      expect(await replies.next()).toEqual({ replyId, message })
      expect(others.received).toEqual([])
    })

  check('each reply finds its pod among several', async (harness) => {
    const { ingress, runner } = start(harness)
    const pods = [ingress, harness.ingress('pod-b'), harness.ingress('pod-c')]
    const inboxes = pods.map((pod) => inbox(pod))
    const sent: string[][] = [[], [], []]
    const addresses = await Promise.all(
      Array.from({ length: 60 }, async (_, call) => {
        const { address, replyId } = await admit(pods[call % 3] ?? ingress)
        sent[call % 3]?.push(replyId)
        return address
      }),
    )
    const outcomes = await Promise.all(
      addresses.map((to) => runner.reply(to, { kind: 'output', body: to.replyId })),
    )
    expect(outcomes).toEqual(Array.from({ length: 60 }, () => 'first'))
    for (const [index, box] of inboxes.entries()) {
      const received = []
      while (received.length < 20) received.push(await box.next())
      expect(received.map(({ replyId }) => replyId).toSorted()).toEqual(sent[index]?.toSorted())
      for (const { replyId, message } of received) expect(message).toEqual({ kind: 'output', body: replyId })
    }
  })

  check('L13 of several replies the first wins, whoever sends it', async (harness) => {
    const { ingress, runner } = start(harness)
    const replies = inbox(ingress)
    const other = harness.runner('runner-b')
    const { address } = await admit(ingress)
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, each) =>
        (each % 2 ? runner : other).reply(address, { kind: 'output', body: each }),
      ),
    )
    expect(outcomes.filter((outcome) => outcome === 'first')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'late')).toHaveLength(19)
    const { message } = await replies.next()
    expect(message).toEqual({ kind: 'output', body: outcomes.indexOf('first') })
    // A second message would have come before that of a later call.
    const next = await admit(ingress)
    await runner.reply(next.address, { kind: 'ended' })
    expect((await replies.next()).replyId).toBe(next.replyId)
  })

  check('a reply is late once its caller no longer waits', async (harness) => {
    const { ingress, runner } = start(harness)
    const replies = inbox(ingress)
    const { address, replyId } = await admit(ingress)
    await ingress.closeReply(partition, replyId)
    await ingress.closeReply(partition, replyId)
    expect(await runner.reply(address, { kind: 'ended' })).toBe('late')
    await runner.settle(address, { runId: 'run', failed: false, total: 1 })
    const next = await admit(ingress)
    await runner.reply(next.address, { kind: 'ended' })
    expect((await replies.next()).replyId).toBe(next.replyId)
  })

  check('a reply that nobody opened, or of another namespace, is gone', async (harness) => {
    const { ingress, runner } = start(harness)
    const { address } = await admit(ingress)
    expect(await runner.reply({ ...address, namespace: 'other' }, { kind: 'ended' })).toBe('gone')
    await runner.settle({ ...address, namespace: 'other' }, { runId: 'run', failed: true, total: 1 })
    for (const replyId of [
      '',
      'x',
      '3',
      '3.',
      '3.unknown',
      '-1.x',
      '1e3.x',
      '99999999999.x',
      `4${address.replyId.slice(1)}`,
    ])
      expect(await runner.reply({ ...address, replyId }, { kind: 'ended' })).toBe('gone')
    expect(await runner.reply(address, { kind: 'ended' })).toBe('first')
  })

  check('an open reply does not outlive its time', async (harness) => {
    const { ingress, runner } = start(harness)
    const event = waitingEvent(partition)
    await ingress.admit({ partition, event, replyTtlMs: 200 })
    await harness.advance(250)
    expect(await runner.reply(addressOf(event), { kind: 'ended' })).toBe('gone')
  })

  check('a call that was refused opens no reply', async (harness) => {
    const { ingress, runner } = start(harness)
    const event = waitingEvent(partition)
    const lease = { key: 'orders', id: 'a', limit: 0 }
    expect(await ingress.admit({ partition, event, lease, replyTtlMs: 60_000 })).toEqual({ kind: 'crowded' })
    expect(await runner.reply(addressOf(event), { kind: 'ended' })).toBe('gone')
  })

  check('to settle with no runs at all ends the waiting at once', async (harness) => {
    const { ingress, runner } = start(harness)
    const replies = inbox(ingress)
    const { address, replyId } = await admit(ingress)
    await runner.settle(address, { runId: '', failed: false, total: 0 })
    expect(await replies.next()).toEqual({ replyId, message: { kind: 'ended' } })
  })

  for (const [kind, failures] of [
    ['ended', [false, false, false]],
    ['failed', [false, true, false]],
    ['failed', [true, true, true]],
  ] as const)
    check(
      `to settle says ${kind} when the last run of ${failures.join()} is over, counting each run once`,
      async (harness) => {
        const { ingress, runner } = start(harness)
        const replies = inbox(ingress)
        const { address, replyId } = await admit(ingress)
        const marker = await admit(ingress)
        const runs = failures.map((failed, index) => ({ runId: `run-${index}`, failed, total: 3 }))
        const [one, two, three] = runs
        if (one === undefined || two === undefined || three === undefined)
          throw new Error('there are three runs')
        for (const run of [one, one, two, one, two]) await runner.settle(address, run)
        await runner.reply(marker.address, { kind: 'output', body: 'marker' })
        expect((await replies.next()).replyId).toBe(marker.replyId)
        await harness.runner('runner-b').settle(address, three)
        expect(await replies.next()).toEqual({ replyId, message: { kind } })
        expect(await runner.reply(address, { kind: 'output', body: 1 })).toBe('late')
      },
    )

  check('to settle adds nothing to a reply', async (harness) => {
    const { ingress, runner } = start(harness)
    const replies = inbox(ingress)
    const { address, replyId } = await admit(ingress)
    expect(await runner.reply(address, { kind: 'output', body: 1 })).toBe('first')
    await runner.settle(address, { runId: 'run', failed: false, total: 1 })
    const next = await admit(ingress)
    await runner.reply(next.address, { kind: 'ended' })
    expect((await replies.next()).replyId).toBe(replyId)
    expect((await replies.next()).replyId).toBe(next.replyId)
  })
}
