/** The state of one process, kept in its memory and gone with it. */
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { partitionOfReply } from '../reply-id.ts'
import type {
  DeadLetterNotice,
  Delivery,
  IngressState,
  ReplyMessage,
  RunnerState,
  SocketListener,
} from '../state.ts'
import { StateUnavailable } from '../state.ts'
import type { Rooms } from '../rooms.ts'
import { createPlaces } from '../rooms.ts'
import { sumOf } from '../statistics.ts'
import type { Backlog } from './events.ts'
import type { DeadLetter, Partition } from './partition.ts'
import { createPartition, noticeOf } from './partition.ts'
import { createReaders } from './readers.ts'

export type { DeadLetter }

export interface MemoryStateOptions {
  clock?: Clock
  /** Per partition; 10,000 events and 32 MiB of bodies by default. */
  backlog?: Partial<Backlog>
  /** How many runs of a partition may be parked before calls are refused; 100,000 by default. */
  parked?: number
  /** After so many runners that died over it an event is put aside; 5 by default. */
  maxAttempts?: number
  /** How many bytes the bodies of a partition's events put aside may have; 1 MiB by default. */
  deadLetterBytes?: number
}

export interface MemoryState {
  /** The state as an ingress sees it. `podId` names it for as long as it is open. */
  ingress(podId: string): IngressState
  /** The state as a runner sees it. What it has not settled when it is closed goes to others. */
  runner(consumerId: string): RunnerState
  /** The events put aside, oldest first; the last 1,000 of each partition are kept, fewer when they are large. */
  deadLetters(partition: number): DeadLetter[]
  close(): Promise<void>
}

const day = 86_400_000

type ReplyListener = (replyId: string, message: ReplyMessage) => void

export function createMemoryState(options: MemoryStateOptions = {}): MemoryState {
  const { clock = systemClock, backlog = {}, parked = 100_000, maxAttempts = 5 } = options
  const { deadLetterBytes = 1_048_576 } = options
  const partitions = new Map<number, Partition>()
  const listeners = new Map<string, ReplyListener>()
  const socketListeners = new Map<string, SocketListener>()
  const deadLetterListeners = new Map<string, (letter: DeadLetterNotice) => void>()
  const readers = createReaders(clock)
  const open = new Set<{ close(): Promise<void> }>()
  let firstPartition = 0
  let stopped = false

  function partitionOf(partition: number): Partition {
    const known = partitions.get(partition)
    if (known !== undefined) return known
    const created = createPartition({
      clock,
      partition,
      backlog: { events: 10_000, bytes: 32 * 1_024 * 1_024, ...backlog },
      parked,
      maxAttempts,
      deadLetters: { events: 1_000, bytes: deadLetterBytes },
      runTtlMs: 7 * day,
      endedTtlMs: 10 * 60_000,
      onWork: readers.wake,
      onPutAside: (consumer, letter) => deadLetterListeners.get(consumer)?.(letter),
      deliverReply: (pod, replyId, message) => queueMicrotask(() => listeners.get(pod)?.(replyId, message)),
      deliverMessage: (pod, id, message) =>
        queueMicrotask(() => socketListeners.get(pod)?.message(id, message)),
    })
    partitions.set(partition, created)
    return created
  }

  /** Takes from one partition after the other, so that a busy one does not starve the rest. */
  function takeSome(consumer: string, count: number, rooms?: Rooms): Delivery[] {
    const all = [...partitions.values()]
    const places = createPlaces(rooms)
    const deliveries: Delivery[] = []
    let dry = 0
    while (deliveries.length < count && dry < all.length) {
      firstPartition = (firstPartition + 1) % all.length
      const delivery = all[firstPartition]?.take(consumer, places)
      dry = delivery === undefined ? dry + 1 : 0
      if (delivery !== undefined) deliveries.push(delivery)
    }
    return deliveries
  }

  function createIngressState(pod: string): IngressState {
    let closed = false
    const state: IngressState = {
      admit: async (admission) => {
        if (closed) throw unavailable()
        return partitionOf(admission.partition).admit(admission, pod)
      },
      release: async (partition, lease) => partitionOf(partition).leases.release(lease),
      closeReply: async (partition, replyId) => partitionOf(partition).replies.close(replyId),
      onReply: (listener) => void listeners.set(pod, listener),
      connect: async (socket, opening) => {
        if (closed) throw unavailable()
        return partitionOf(socket.partition).connect(socket, opening, pod)
      },
      receive: async (socket, message) => {
        if (closed) throw unavailable()
        return partitionOf(socket.partition).receive(socket, message)
      },
      disconnect: async (socket, event) => partitionOf(socket.partition).disconnect(socket, event),
      onSocket: (listener) => void socketListeners.set(pod, listener),
      statistics: async () => {
        if (closed) throw unavailable()
        return sumOf([...partitions.values()].map((partition) => partition.statistics()))
      },
      ready: async () => !closed,
      close: async () => {
        if (closed) return
        closed = true
        open.delete(state)
        listeners.delete(pod)
        socketListeners.delete(pod)
        for (const partition of partitions.values()) partition.abandon(pod)
      },
    }
    return state
  }

  function createRunnerState(consumer: string): RunnerState {
    const closing = new AbortController()
    const { signal: closed } = closing

    function opened(partition: number): Partition {
      if (closed.aborted) throw unavailable()
      return partitionOf(partition)
    }

    /** Any id may be asked for, so that no partition is made for it. */
    function ofReply(replyId: string): Partition | undefined {
      if (closed.aborted) throw unavailable()
      const partition = partitionOfReply(replyId)
      return partition === undefined ? undefined : partitions.get(partition)
    }

    const state: RunnerState = {
      read: async ({ count, blockMs, signal, rooms }) => {
        if (closed.aborted) throw unavailable()
        if (signal?.aborted) return []
        const deliveries = takeSome(consumer, count, rooms)
        if (deliveries.length > 0 || blockMs <= 0) return deliveries
        const stop = signal === undefined ? closed : AbortSignal.any([signal, closed])
        return readers.wait(() => takeSome(consumer, count, rooms), blockMs, stop)
      },
      acknowledge: async (acknowledgements) => {
        for (const { partition, entry, deliveries, runs = [] } of acknowledgements)
          if (opened(partition).events.settle({ entry, deliveries }, consumer))
            partitionOf(partition).runs.eventForgotten(runs)
      },
      deadLetter: async (delivery, reason) => {
        if (opened(delivery.partition).putAside(delivery, reason, consumer))
          deadLetterListeners.get(consumer)?.(noticeOf(delivery.event, reason))
      },
      onDeadLetter: (listener) => void deadLetterListeners.set(consumer, listener),
      abandon(delivery) {
        if (closed.aborted) return
        if (delivery.kind === 'event') partitionOf(delivery.partition).events.abandon(delivery, consumer)
        else partitionOf(delivery.run.partition).runs.abandon(delivery.run)
      },
      takeOver: async (refs) => refs.map((ref) => opened(ref.partition).runs.takeOver(ref)),
      save: async (ref, checkpoint) => {
        const { runs, events } = opened(ref.partition)
        const saved = runs.save(ref, checkpoint)
        if (saved && ref.entry !== undefined) events.advanced(ref.entry)
        return saved
      },
      park: async (ref, checkpoint, delayMs) => {
        const { runs, events } = opened(ref.partition)
        const parked = runs.park(ref, checkpoint, delayMs)
        if (parked && ref.entry !== undefined) events.advanced(ref.entry)
        return parked
      },
      end: async (ref) => opened(ref.partition).runs.end(ref),
      reply: async (address, message) => ofReply(address.replyId)?.replies.reply(address, message) ?? 'gone',
      send: async (address, message) => ofReply(address.replyId)?.sockets.send(address, message) ?? 'gone',
      settle: async (address, run) => ofReply(address.replyId)?.replies.settle(address, run),
      ready: async () => !closed.aborted,
      close: async () => {
        if (closed.aborted) return
        closing.abort()
        open.delete(state)
        deadLetterListeners.delete(consumer)
        for (const { events, runs } of partitions.values()) {
          runs.handOver(consumer)
          events.handOver(consumer)
        }
        readers.wake()
      },
    }
    return state
  }

  function opening<T extends { close(): Promise<void> }>(state: T): T {
    if (stopped) throw unavailable()
    open.add(state)
    return state
  }

  return {
    ingress: (podId) => opening(createIngressState(podId)),
    runner: (consumerId) => opening(createRunnerState(consumerId)),
    deadLetters: (partition) => [...(partitions.get(partition)?.deadLetters ?? [])],
    close: async () => {
      stopped = true
      for (const state of open) await state.close()
      for (const { runs } of partitions.values()) runs.close()
    },
  }
}

function unavailable(): StateUnavailable {
  return new StateUnavailable('the state is closed')
}
