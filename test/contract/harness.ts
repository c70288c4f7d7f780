import { randomUUID, randomUUIDv7 } from 'node:crypto'
import { test } from '@jest/globals'
import type { CallEvent } from '../../state/event.ts'
import { replyIdOf } from '../../state/reply-id.ts'
import type {
  Delivery,
  EventDelivery,
  IngressState,
  ReplyAddress,
  ReplyMessage,
  ResumeDelivery,
  RunnerState,
} from '../../state/state.ts'
import { eachWith } from '../support/each-with.ts'

/**
 * What an implementation brings to the contract suite: a fresh, empty state and power over its time and its
 * processes.
 */
export interface StateHarness {
  /** One more process of each kind. */
  ingress(podId: string): IngressState
  runner(consumerId: string): RunnerState
  /** Lets so much of the state's own time pass: a manual clock is advanced, a real one waited for. */
  advance(ms: number): Promise<void>
  /** The process dies without a word. */
  crash(process: IngressState | RunnerState): Promise<void>
  /** Within this time what a dead process held is free again. */
  lapseMs: number
  deadLetters(partition: number): Promise<{ event: CallEvent; deliveries: number; reason: string }[]>
  close(): Promise<void>
}

export interface HarnessOptions {
  /** Events of a partition that may be unacknowledged. */
  backlog?: number
  /** Bytes of its unacknowledged events. */
  backlogBytes?: number
  /** Runs of a partition that may be parked. */
  parked?: number
  /** Bytes of its events that are put aside. */
  deadLetterBytes?: number
}

export type StartHarness = (options?: HarnessOptions) => Promise<StateHarness>

/**
 * Declares a test with a state of its own, which is closed at its end. Those of a block run side by side: where
 * time is real, most of theirs is waiting.
 */
export interface ContractTest {
  (name: string, body: (harness: StateHarness) => Promise<void>): void
  /** Those whose states have these bounds. */
  within(options: HarnessOptions): ContractTest
}

/** To be called in the block of the tests. */
export function contractTest(startHarness: StartHarness): ContractTest {
  const withState = eachWith(startHarness)
  const within = (options: HarnessOptions): ContractTest =>
    Object.assign(
      (name: string, body: (harness: StateHarness) => Promise<void>) =>
        test.concurrent(name, withState(body, options)),
      { within },
    )
  return within({})
}

export function callEvent(part: Partial<CallEvent> = {}): CallEvent {
  return {
    id: randomUUID(),
    time: '2026-01-01T00:00:00.000Z',
    type: 'http',
    webhook: { namespace: 'shop', name: 'orders' },
    method: 'post',
    path: '/',
    query: '',
    headers: { 'content-type': 'application/json' },
    clientIP: '192.0.2.1',
    merged: false,
    body: Buffer.from('{"sku":"a"}'),
    ...part,
  }
}

/** An event whose caller waits for a reply. */
export function waitingEvent(
  partition: number,
  part: Partial<CallEvent> = {},
): CallEvent & Required<Pick<CallEvent, 'reply'>> {
  return { ...callEvent(part), reply: { id: replyIdOf(partition, randomUUIDv7()), mode: 'Reply' } }
}

export function addressOf(event: CallEvent): ReplyAddress {
  return { replyId: event.reply?.id ?? '', namespace: event.webhook.namespace }
}

/** Reads until there are `count` deliveries. */
export async function readAll(runner: RunnerState, count: number): Promise<Delivery[]> {
  const deliveries: Delivery[] = []
  while (deliveries.length < count) {
    const some = await runner.read({ count: count - deliveries.length, blockMs: 10_000 })
    if (some.length === 0) throw new Error(`${deliveries.length} of ${count} deliveries came`)
    deliveries.push(...some)
  }
  return deliveries
}

export async function readEvents(runner: RunnerState, count: number): Promise<EventDelivery[]> {
  const deliveries = await readAll(runner, count)
  return deliveries.map((delivery) => {
    if (delivery.kind !== 'event') throw new Error('a run came where an event was expected')
    return delivery
  })
}

export async function readEvent(runner: RunnerState): Promise<EventDelivery> {
  const [delivery] = await readEvents(runner, 1)
  if (delivery === undefined) throw new Error('no event came')
  return delivery
}

export async function readResume(runner: RunnerState): Promise<ResumeDelivery> {
  const [delivery] = await readAll(runner, 1)
  if (delivery?.kind !== 'resume') throw new Error('an event came where a run was expected')
  return delivery
}

/** Collects the replies that reach a pod. */
export function inbox(ingress: IngressState): {
  received: { replyId: string; message: ReplyMessage }[]
  /** Resolves with the next reply that was not taken yet. */
  next(): Promise<{ replyId: string; message: ReplyMessage }>
} {
  const received: { replyId: string; message: ReplyMessage }[] = []
  const takers: ((reply: { replyId: string; message: ReplyMessage }) => void)[] = []
  let taken = 0
  ingress.onReply((replyId, message) => {
    received.push({ replyId, message })
    const taker = takers.shift()
    if (taker === undefined) return
    taken += 1
    taker({ replyId, message })
  })
  return {
    received,
    next() {
      const reply = received[taken]
      if (reply === undefined) return new Promise((resolve) => takers.push(resolve))
      taken += 1
      return Promise.resolve(reply)
    },
  }
}
