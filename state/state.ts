/**
 * What ingress and runner processes share. Two implementations hold to one contract suite
 * (`test/contract/state.ts`): `memory/` for one process, `redis/` for any number of them.
 *
 * Every time in this interface is in milliseconds. Time is the state's own (injected clock or Redis), never
 * the caller's, so that pods with skewed clocks agree. A method rejects with {@link StateUnavailable} when
 * the state can't be reached: nothing was stored then, or it is unknown whether it was, and the caller must
 * not claim success.
 */
import type { Rooms, WebhookRef } from './rooms.ts'
import type { Statistics } from './statistics.ts'
import type { CallEvent, Json, ReplyMode } from './event.ts'

/** The shared state can't be reached or did not answer in time. */
export class StateUnavailable extends Error {
  override name = 'StateUnavailable'
}

/** A checkpoint is larger than what the state keeps of a run, see `checkpoint.ts`; nothing was stored. */
export class CheckpointTooLarge extends Error {
  override name = 'CheckpointTooLarge'
}

// ---------------------------------------------------------------- ingress

/** An exact sliding window: at most `requests` accepted calls in any `windowMs`. */
export interface Throttle {
  /** Names the window; equal keys share it. */
  key: string
  /** At least 1. */
  requests: number
  windowMs: number
}

/** A place among at most `limit` concurrent connections; held until released, or until its holder dies. */
export interface Lease {
  /** Names the pool of places. */
  key: string
  /** Unique per holder: the reply id of a waiting call, the id of a WebSocket connection. */
  id: string
  limit: number
}

/**
 * One atomic act at the door: throttle, then lease, then append. The first that refuses ends it: a refused
 * throttle leaves no trace; a refused lease or a full backlog has been counted by the throttle. An `event`
 * with `reply` also opens its reply (see {@link RunnerState.reply}), in the same act.
 */
export interface Admission {
  /** Which partition the keys and the event belong to, `0 <= partition < partitions`. */
  partition: number
  throttle?: Throttle
  lease?: Lease
  event?: CallEvent
  /**
   * How long at least the reply stays open when the waiting pod dies without closing it. Required with `event.reply`.
   */
  replyTtlMs?: number
  /** The event is taken only when its key has not been seen: between throttle and lease. */
  once?: Once
}

/** What tells that two calls are the same. */
export interface Once {
  /** Names the call among those of its webhook. */
  key: string
  /**
   * Of what the call says: with another one the key was used for something else. Empty: the key alone counts.
   */
  fingerprint: string
  /** How long an accepted call, and what it was answered, is remembered. */
  ttlMs: number
  /**
   * That a run failed before it answered is not remembered: the key is free again, so that the sender's next
   * try is taken.
   */
  retryFailed: boolean
}

export type Verdict =
  | { kind: 'accepted' }
  /** Over the rate; a call passes again after exactly `retryAfterMs`, if no other takes the room. */
  | { kind: 'throttled'; retryAfterMs: number }
  /** All places of the lease are taken. */
  | { kind: 'crowded' }
  /** The partition's backlog is full: nothing was stored. */
  | { kind: 'backlogged' }
  /**
   * The event with this key was taken before; nothing was stored. `message` is what a run said to it: absent
   * as long as none has, and for an event without `reply`. It is remembered even if the caller did not wait
   * for it.
   */
  | { kind: 'repeated'; eventId: string; message?: ReplyMessage }
  /** The key was used with another fingerprint. */
  | { kind: 'reused' }

/**
 * What a run tells the caller who waits. `output` is rendered by the ingress with the route's status and
 * headers.
 */
export type ReplyMessage =
  | { kind: 'reply'; status: number; headers: Record<string, string>; body: Json }
  | { kind: 'output'; body: Json }
  /** Every run of the event ended without a reply. */
  | { kind: 'ended' }
  /** Every run of the event ended without a reply, and at least one failed. */
  | { kind: 'failed' }

/** A WebSocket that an ingress process holds. */
export interface SocketRef {
  partition: number
  /** Unique; names the partition, see `reply-id.ts`. The holder of its lease. */
  id: string
  /** The key of the lease. */
  places: string
}

/** What a run sends to a WebSocket: a message, the end of it, or the one before the other. */
export interface SocketMessage {
  /** Of a text frame its text, of a binary one its bytes in base64. */
  data?: { text: string } | { base64: string }
  /** RFC 6455, 7.4. */
  close?: { code: number; reason: string }
}

/** What an ingress process is told of the WebSockets that it holds. */
export interface SocketListener {
  /**
   * Each message once, and those of a connection in the order in which they were sent. The first may come
   * before `connect` resolves.
   */
  message(id: string, message: SocketMessage): void
  /**
   * The state took the process for dead, and has recorded the end of the connection, or has lost its data:
   * the connection is to be closed.
   */
  lapsed(id: string): void
}

/**
 * The state as one ingress process sees it. Leases taken here are renewed by the implementation until
 * released.
 */
export interface IngressState {
  admit(admission: Admission): Promise<Verdict>
  /** Gives a lease back. Idempotent; never rejects (an unreachable state lets the lease lapse instead). */
  release(partition: number, lease: Pick<Lease, 'key' | 'id'>): Promise<void>
  /**
   * The caller no longer waits (answered, timed out, gone): later replies are `late`. Idempotent, never
   * rejects.
   */
  closeReply(partition: number, replyId: string): Promise<void>
  /**
   * Where the replies to events admitted by this process arrive; set once, before the first admission. Each
   * open reply gets at most one message; it may come before `admit` resolves.
   */
  onReply(listener: (replyId: string, message: ReplyMessage) => void): void

  /**
   * Opens a WebSocket: throttle, if it is not counted yet, lease, `connect` event and the connection itself
   * in one atomic act, as in {@link admit}. It is renewed by the implementation until it is disconnected.
   * When this process dies, its end is recorded by another: exactly one `disconnect` event, status 1006.
   */
  connect(
    socket: SocketRef,
    opening: { throttle?: Throttle; limit: number; event: CallEvent },
  ): Promise<Verdict>
  /**
   * A message of its client: throttle, then append. The events of a connection go to runners one after the
   * other, each when the runs of the one before have ended or are parked. `gone`: the connection has lapsed.
   */
  receive(
    socket: SocketRef,
    message: { throttle: Throttle; event: CallEvent },
  ): Promise<Verdict | { kind: 'gone' }>
  /**
   * The connection is over: gives its place back and appends the event, which no bound refuses. Without
   * effect when it has lapsed. Never rejects: an unreachable state lets the connection lapse, so that its end
   * is recorded later.
   */
  disconnect(socket: SocketRef, event: CallEvent): Promise<void>
  /** Set once, before the first connection. */
  onSocket(listener: SocketListener): void
  /** How full the state is, over all partitions; some work for it, not for every call. */
  statistics(): Promise<Statistics>
  /** Whether the state answers now. */
  ready(): Promise<boolean>
  close(): Promise<void>
}

// ---------------------------------------------------------------- runner

/** Names one run, in the hands of one owner. */
export interface RunRef {
  partition: number
  /** Unique and stable over redelivery: derived from the event's id and the Workflow. */
  runId: string
  /**
   * Fences: a write with a lower epoch than the stored one is refused. Each owner has the next whole number.
   * An owner whose write was not answered raises it by less than one for what it writes then, so that a write
   * which comes late has no effect.
   */
  epoch: number
  /**
   * The entry of the run's event, when it was delivered before: a checkpoint shows that the event comes
   * further.
   */
  entry?: string
  /** By which the run began: a run that is resumed takes of what there is room for of it. */
  webhook?: WebhookRef
}

/** The interpreter's state of a run, plain JSON, opaque to the state. */
export type Checkpoint = Json

/** How far a run had come when it is taken over. */
export type Takeover =
  /** Not checkpointed yet: begin it. */
  | { kind: 'new' }
  | { kind: 'checkpoint'; checkpoint: Checkpoint }
  | { kind: 'ended' }
  /** Parked, or woken since: leave it, it goes on without this event. */
  | { kind: 'parked' }
  /** Its event was delivered to another runner since: leave it, and the event. */
  | { kind: 'fenced' }

export interface EventDelivery {
  kind: 'event'
  partition: number
  /** The queue's own id of the entry, for {@link RunnerState.acknowledge}. */
  entry: string
  event: CallEvent
  /** 1 on the first delivery; grows by one with each takeover. It is the epoch of the event's runs. */
  deliveries: number
}

/** A parked run that became due. `run.epoch` is already raised for the new owner. */
export interface ResumeDelivery {
  kind: 'resume'
  run: RunRef
  checkpoint: Checkpoint
  /**
   * How many runners have begun with this checkpoint, this one included. One that handed the run over does
   * not count.
   */
  attempts: number
}

export type Delivery = EventDelivery | ResumeDelivery

export interface Acknowledgement extends Pick<EventDelivery, 'partition' | 'entry' | 'deliveries'> {
  /** The ids of the event's runs, so that those which ended need not be remembered for long. */
  runs?: string[]
}

/** An event that was put aside, as far as a log may tell of it. */
export interface DeadLetterNotice {
  eventId: string
  webhook: { namespace: string; name: string }
  reason: string
}

/**
 * `first`: yours is the answer. `late`: answered before, or the caller stopped waiting. `gone`: no such
 * reply, or another tenant's.
 */
export type ReplyOutcome = 'first' | 'late' | 'gone'

/** See {@link RunnerState.send}. */
export type SendOutcome = 'sent' | 'gone'

/** The reply a run may give: where to, and on whose behalf. */
export interface ReplyAddress {
  /** Names its partition, see `reply-id.ts`. */
  replyId: string
  /** The Workflow's namespace; a reply of another namespace's webhook is `gone`. */
  namespace: string
}

/**
 * The state as one runner process sees it. Deliveries read here are kept from others until they are settled.
 */
export interface RunnerState {
  /**
   * Resolves with 1 to `count` deliveries, or with none after `blockMs` or when `signal` aborts. With a signal that
   * has aborted before: with all that was taken for this runner already, so that none of it is left when it reads
   * no more. With `rooms` there are among them about as many of a Webhook and of a namespace as there is room for;
   * those beyond it keep nobody waiting who comes after them, and are delivered, in their order, to whoever has
   * room for them.
   */
  read(options: {
    count: number
    blockMs: number
    signal?: AbortSignal
    rooms?: Rooms | undefined
  }): Promise<Delivery[]>
  /**
   * The events' runs have all ended or are parked: forget the events. Idempotent; an event that was delivered
   * again since, to whomever, stays there.
   */
  acknowledge(deliveries: Acknowledgement[]): Promise<void>
  /**
   * Puts an event that can't be processed aside, for an operator to look at, and forgets it in the queue; its
   * caller, if one waits, gets `failed`. Without effect when it was delivered again since. The state does so
   * by itself with an event under which too many runners have died without a checkpoint in between; one that
   * handed the event over does not count.
   */
  deadLetter(delivery: EventDelivery, reason: string): Promise<void>
  /**
   * Told of each event that this process put aside, by itself or as asked. Set once, before the first read.
   */
  onDeadLetter(listener: (letter: DeadLetterNotice) => void): void
  /**
   * This runner works on it no more, and has not settled it: who finds it left, within the time in which a
   * dead runner's work is free, takes it.
   */
  abandon(delivery: Delivery): void

  /**
   * Takes over runs whose event was delivered again: raises each one's epoch and tells how far it had come.
   * Not needed on a first delivery.
   */
  takeOver(runs: RunRef[]): Promise<Takeover[]>
  /**
   * Stores a checkpoint. False: fenced, another runner owns the run now; stop at once. Rejects with
   * {@link CheckpointTooLarge}.
   */
  save(run: RunRef, checkpoint: Checkpoint): Promise<boolean>
  /** Stores a checkpoint, as {@link save}, and wakes the run (on any runner) after `delayMs`. False: fenced. */
  park(run: RunRef, checkpoint: Checkpoint, delayMs: number): Promise<boolean>
  /**
   * The run is over: drops its checkpoint and remembers that it ended for as long as its event can be
   * redelivered. False: fenced.
   */
  end(run: RunRef): Promise<boolean>

  /** Sends the answer to the waiting caller; the first wins, whoever sends it. */
  reply(address: ReplyAddress, message: ReplyMessage): Promise<ReplyOutcome>
  /**
   * Sends to a WebSocket, whichever process holds it. `sent`: it is stored for that process, in the order of
   * sending. `gone`: there is no such connection (any more), it is another tenant's, or its process has taken
   * nothing for long.
   */
  send(address: ReplyAddress, message: SocketMessage): Promise<SendOutcome>
  /**
   * One of the event's `total` runs is over. When all of them are and nobody replied, the caller gets
   * `failed` if any failed, else `ended`. With `total: 0` (no workflow matched) that is at once. Idempotent
   * per run id.
   */
  settle(address: ReplyAddress, run: { runId: string; failed: boolean; total: number }): Promise<void>

  ready(): Promise<boolean>
  close(): Promise<void>
}

/** Who may wait: kept with an open reply. */
export interface OpenReply {
  namespace: string
  mode: ReplyMode
}
