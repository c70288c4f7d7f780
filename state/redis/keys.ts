/**
 * Every key and channel of the shared state. All keys of a partition carry its hash tag, so that a script
 * that gets them touches one slot of a Redis Cluster. `docs/state.md` lists what each holds, for how long,
 * and its size.
 */
export interface Keys {
  /** Stream: accepted events that are not acknowledged. */
  events(partition: number): string
  /** Stream: events put aside. */
  deadLetters(partition: number): string
  /** Set: channels of runners that found no work here. */
  idle(partition: number): string
  /** Sorted set: runs that go on without their event, by the time at which they may be taken. */
  parked(partition: number): string
  /**
   * Hash: of each event that was delivered again, by its place in the stream, how many runners have died over
   * it since it came further.
   */
  attempts(partition: number): string
  /** Of those above what each script of calls needs: events, parked, idle, and backlog. */
  section(partition: number): readonly string[]
  /** List: times of the last accepted calls, newest first. */
  window(partition: number, key: string): string
  /** Sorted set: holders by the time at which they lapse. */
  lease(partition: number, key: string): string
  /**
   * Hash: who waits for replies, of all that were opened in the same quarter of a second. It goes as a whole,
   * in one step: so many must not be too many.
   */
  replies(partition: number, replyId: string): string
  /**
   * Hash: who waits for a reply that is remembered with its event, and which of several runs of an event have
   * ended.
   */
  reply(partition: number, replyId: string): string
  /**
   * Hash: answers that the pod with this channel is not known to have, as they were published, by the id of the
   * first reply of each publication.
   */
  answers(partition: number, channel: string): string
  /** Hash: an event that is to be taken once, and its answer. */
  once(partition: number, key: string): string
  /** Hash: how far a run has come. */
  run(partition: number, runId: string): string
  /** Sorted set: open WebSockets by the time at which they lapse. */
  connections(partition: number): string
  /** Hash: an open WebSocket. */
  connection(partition: number, id: string): string
  /** List: messages to a WebSocket that are not known to have reached its pod. */
  outbox(partition: number, id: string): string
  /**
   * List: the events of a WebSocket that are not acknowledged: the first by its place in the stream, the
   * others wait.
   */
  line(partition: number, id: string): string
  /** Hash: of each Webhook that has deferred events how many, see `lua/read.lua`. */
  deferred(partition: number): string
  /** List: the deferred events of a Webhook, by their places in the stream. */
  deferredOf(partition: number, flow: string): string
  /** Hash: how many bytes of events are not acknowledged. */
  backlog(partition: number): string
  /** Hash: whose state this is. */
  installation(): string
  /** Channel: replies and messages to WebSockets for a pod. */
  repliesOf(podId: string): string
  /** Channel: partitions with work for a runner. */
  workOf(consumerId: string): string
}

/** The consumer group of all runners. */
export const group = 'runners'

export function createKeys(prefix: string): Keys {
  // They are made for each call: what is in all of them is there already. A partition has five digits at most, see
  // `reply-id.ts`.
  const beginnings: string[] = []
  const sections: string[][] = []
  const inPartition = (partition: number, name: string): string =>
    (beginnings[partition] ??= `${prefix}:{p${partition}}:`) + name
  return {
    events: (partition) => inPartition(partition, 'events'),
    deadLetters: (partition) => inPartition(partition, 'dead-letters'),
    idle: (partition) => inPartition(partition, 'idle'),
    parked: (partition) => inPartition(partition, 'parked'),
    attempts: (partition) => inPartition(partition, 'attempts'),
    section: (partition) =>
      (sections[partition] ??= ['events', 'parked', 'idle', 'backlog'].map((name) =>
        inOnePiece(inPartition(partition, name)),
      )),
    window: (partition, key) => inPartition(partition, `window:${key}`),
    lease: (partition, key) => inPartition(partition, `lease:${key}`),
    replies: (partition, replyId) => inPartition(partition, `replies:${openedAbout(replyId)}`),
    reply: (partition, replyId) => inPartition(partition, `reply:${replyId}`),
    answers: (partition, channel) => inPartition(partition, `answers:${channel}`),
    once: (partition, key) => inPartition(partition, `once:${key}`),
    run: (partition, runId) => inPartition(partition, `run:${runId}`),
    connections: (partition) => inPartition(partition, 'connections'),
    connection: (partition, id) => inPartition(partition, `connection:${id}`),
    outbox: (partition, id) => inPartition(partition, `outbox:${id}`),
    line: (partition, id) => inPartition(partition, `line:${id}`),
    deferred: (partition) => inPartition(partition, 'deferred'),
    deferredOf: (partition, flow) => inPartition(partition, `deferred:${flow}`),
    backlog: (partition) => inPartition(partition, 'backlog'),
    installation: () => `${prefix}:installation`,
    repliesOf: (podId) => `${prefix}:replies:${podId}`,
    workOf: (consumerId) => `${prefix}:work:${consumerId}`,
  }
}

/** The time in a UUIDv7, in steps of 256 ms: the first ten of its twelve digits. */
function openedAbout(replyId: string): string {
  const from = replyId.indexOf('.') + 1
  return replyId.slice(from, from + 11)
}

/**
 * An id as one of many members of a sorted set or fields of a hash. Redis keeps those of at most 64 bytes in a
 * list as long as there are few, and reads all of it to find one: with 64 waiting callers, to take a place and
 * give it back cost 3.5 µs, and 1.0 µs with longer ids.
 */
export function longId(id: string): string {
  return id.padEnd(65)
}

/** The id that {@link longId} has made longer. */
export function shortId(id: string): string {
  return id.trimEnd()
}

/** V8 keeps what was put together in parts, to join them whenever it is written. */
function inOnePiece(text: string): string {
  return Buffer.from(text).toString()
}
