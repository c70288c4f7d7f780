import type { CallEvent } from '../event.ts'
import type { Clock } from '../clock.ts'
import type {
  Admission,
  DeadLetterNotice,
  Delivery,
  EventDelivery,
  IngressState,
  ReplyMessage,
  SocketMessage,
  SocketRef,
  Verdict,
} from '../state.ts'
import type { Places } from '../rooms.ts'
import type { Backlog, Events } from './events.ts'
import { createEvents } from './events.ts'
import type { Leases } from './leases.ts'
import { createLeases } from './leases.ts'
import type { Replies } from './replies.ts'
import { createReplies } from './replies.ts'
import type { Runs } from './runs.ts'
import { createRuns } from './runs.ts'
import type { Statistics } from '../statistics.ts'
import type { Sockets } from './sockets.ts'
import { createSockets } from './sockets.ts'
import { createTaken } from './taken.ts'
import type { Windows } from './throttle.ts'
import { createWindows } from './throttle.ts'

/** An event that was put aside. */
export interface DeadLetter {
  event: EventDelivery['event']
  deliveries: number
  reason: string
}

export interface PartitionOptions {
  clock: Clock
  partition: number
  backlog: Backlog
  /** How many parked runs there may be before admissions are refused. */
  parked: number
  /** An event is put aside instead of being delivered once more. */
  maxAttempts: number
  /** How many dead letters are kept, and how many bytes of bodies; the oldest go first, the last one stays. */
  deadLetters: Backlog
  runTtlMs: number
  endedTtlMs: number
  /** Called when there is something to deliver. */
  onWork: () => void
  /** Called when an event was put aside for having been tried too often by this consumer and others. */
  onPutAside: (consumer: string, letter: DeadLetterNotice) => void
  deliverReply: (pod: string, replyId: string, message: ReplyMessage) => void
  deliverMessage: (pod: string, socketId: string, message: SocketMessage) => void
}

/** All state of one partition. */
export interface Partition {
  readonly windows: Windows
  readonly leases: Leases
  readonly events: Events
  readonly replies: Replies
  readonly runs: Runs
  readonly sockets: Sockets
  readonly deadLetters: DeadLetter[]
  statistics(): Statistics
  admit(admission: Admission, pod: string): Verdict
  connect(socket: SocketRef, opening: Parameters<IngressState['connect']>[1], pod: string): Verdict
  receive(socket: SocketRef, message: Parameters<IngressState['receive']>[1]): Verdict | { kind: 'gone' }
  disconnect(socket: SocketRef, event: CallEvent): void
  /** The pod is gone: its places are free, its WebSockets are over. */
  abandon(pod: string): void
  /** The next due run or event for the consumer that has a place. */
  take(consumer: string, places: Places): Delivery | undefined
  /** False when the consumer does not have the event (any more). */
  putAside(delivery: EventDelivery, reason: string, consumer: string): boolean
}

export function noticeOf(
  { id, webhook }: Pick<CallEvent, 'id' | 'webhook'>,
  reason: string,
): DeadLetterNotice {
  return { eventId: id, webhook, reason }
}

export function createPartition(options: PartitionOptions): Partition {
  const { clock, partition, onWork } = options
  const now = (): number => clock.monotonic()
  const windows = createWindows(now)
  const leases = createLeases()
  const events = createEvents({ partition, backlog: options.backlog, now, onTurn: onWork })
  const taken = createTaken(now)
  const replies = createReplies(now, options.deliverReply, taken.remember)
  const runs = createRuns({ ...options, onDue: onWork })
  const sockets = createSockets(() => clock.now(), options.deliverMessage)
  const deadLetters: DeadLetter[] = []
  let deadBytes = 0
  let deadLettersEver = 0

  function putAside(delivery: EventDelivery, reason: string, consumer: string): boolean {
    const { event, deliveries } = delivery
    if (!events.settle(delivery, consumer)) return false
    store({ event, deliveries, reason })
    return true
  }

  function store({ event, deliveries, reason }: DeadLetter): void {
    deadLetters.push({ event, deliveries, reason })
    deadLettersEver += 1
    deadBytes += event.body.length
    while (
      deadLetters.length > 1 &&
      (deadLetters.length > options.deadLetters.events || deadBytes > options.deadLetters.bytes)
    )
      deadBytes -= deadLetters.shift()?.event.body.length ?? 0
    if (event.reply !== undefined)
      replies.reply({ replyId: event.reply.id, namespace: event.webhook.namespace }, { kind: 'failed' })
  }

  function takeEvent(consumer: string, places: Places): EventDelivery | undefined {
    for (
      let delivery = events.take(consumer, places);
      delivery !== undefined;
      delivery = events.take(consumer, places)
    ) {
      const attempts = events.attempts(delivery.entry)
      if (attempts < options.maxAttempts) return delivery
      const reason = `${attempts} runners have died over it`
      events.settle(delivery, consumer)
      // It was taken for this, not delivered once more.
      store({ event: delivery.event, deliveries: delivery.deliveries - 1, reason })
      options.onPutAside(consumer, noticeOf(delivery.event, reason))
    }
    return undefined
  }

  function admit(admission: Admission, pod: string): Verdict {
    const { throttle, lease, event, replyTtlMs = 0, once } = admission
    const retryAfterMs = throttle === undefined ? 0 : windows.take(throttle)
    if (retryAfterMs > 0) return { kind: 'throttled', retryAfterMs }
    const before = once && taken.verdictOf(once)
    if (before !== undefined) return before
    const backlogged =
      event !== undefined && (!events.hasRoom(event.socket?.id) || runs.parked >= options.parked)
    if (lease !== undefined && !leases.take(lease, pod)) return { kind: 'crowded' }
    if (event === undefined) return { kind: 'accepted' }
    if (backlogged) {
      if (lease !== undefined) leases.release(lease)
      return { kind: 'backlogged' }
    }
    if (event.reply !== undefined) replies.open(event, { pod, ttlMs: replyTtlMs, ...(once ? { once } : {}) })
    if (once !== undefined) taken.add(once, event.id)
    append(event)
    return { kind: 'accepted' }
  }

  function append(event: CallEvent): void {
    events.append(event)
    onWork()
  }

  function end({ id, places }: SocketRef, event: CallEvent): void {
    leases.release({ key: places, id })
    append(event)
  }

  return {
    windows,
    leases,
    events,
    replies,
    runs,
    sockets,
    deadLetters,
    statistics() {
      const { fullest, ...counted } = events.statistics()
      return {
        ...counted,
        fullest: Math.max(fullest, runs.parked / options.parked),
        parkedRuns: runs.parked,
        dueRuns: runs.due,
        deadLetters: deadLetters.length,
        deadLettersEver,
      }
    },
    admit,
    connect(socket, { throttle, limit, event }, pod) {
      const { id, places } = socket
      const lease = { key: places, id, limit }
      const verdict = admit({ partition, ...(throttle ? { throttle } : {}), lease, event }, pod)
      if (verdict.kind === 'accepted') sockets.open(socket, event, pod)
      return verdict
    },
    receive({ id }, { throttle, event }) {
      return sockets.isOpen(id) ? admit({ partition, throttle, event }, '') : { kind: 'gone' }
    },
    disconnect(socket, event) {
      if (sockets.close(socket)) end(socket, event)
    },
    abandon(pod) {
      leases.releaseAll(pod)
      for (const { socket, event } of sockets.closeAll(pod)) end(socket, event)
    },
    take: (consumer, places) => runs.takeDue(consumer, places) ?? takeEvent(consumer, places),
    putAside,
  }
}
