import type { CallEvent } from '../event.ts'
import type { Lease, Once, SocketRef, Throttle } from '../state.ts'
import type { Argument } from './connection.ts'
import { encodeEvent } from './event-format.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import { leastWeight } from './options.ts'

/** What the script `admit` is asked for. */
export interface Asked {
  partition: number
  event?: CallEvent | undefined
  throttle?: Throttle | undefined
  lease?: Lease | undefined
  /** The caller waits. */
  reply?: { id: string; ttlMs: number } | undefined
  /** Of an event only. */
  once?: Once | undefined
  /** The WebSocket that the event is of; it is opened, or must be open. */
  socket?: (SocketRef & { opens: boolean }) | undefined
}

/** How many events of one connection may wait for those before them. */
const lineCap = 1_000
/** How long is known of a connection whose end nobody records: all runners are away. */
export const connectionTtlMs = 86_400_000

interface Pod {
  keys: Keys
  settings: Settings
  /** Where the pod hears of replies and messages. */
  channel: string
}

/** What a call is for the script `admit`. */
export interface Admitting {
  names: string[]
  args: Argument[]
}

/** The keys and arguments of one call, in the order in which the script names them. */
export function admissionOf(asked: Asked, pod: Pod): Admitting {
  return { names: keysOf(asked, pod), args: argumentsOf(asked) }
}

/** Keys and arguments of the script for these calls. */
export function admissionsOf(partition: number, calls: Admitting[], pod: Pod): Admitting {
  const { keys, settings, channel } = pod
  const { backlogBytes, parked, lapseMs } = settings
  const names = [keys.events, keys.parked, keys.idle, keys.backlog].map((key) => key(partition))
  const args: Argument[] = [partition, leastWeight(settings), backlogBytes, parked, lapseMs, channel, lineCap]
  for (const call of calls) {
    names.push(...call.names)
    args.push(call.args.length, ...call.args)
  }
  return { names, args }
}

function keysOf({ partition, event, throttle, lease, reply, once, socket }: Asked, { keys }: Pod): string[] {
  const names: string[] = []
  if (socket !== undefined)
    names.push(
      keys.connections(partition),
      keys.connection(partition, socket.id),
      keys.line(partition, socket.id),
    )
  if (throttle !== undefined) names.push(keys.window(partition, throttle.key))
  if (event !== undefined && once !== undefined) names.push(keys.once(partition, once.key))
  if (lease !== undefined) names.push(keys.lease(partition, lease.key))
  if (reply !== undefined) names.push(keys.reply(partition, reply.id))
  return names
}

function argumentsOf({ event, throttle, lease, reply, once, socket }: Asked): Argument[] {
  const args: Argument[] = []
  let length = 0
  /** Arguments that belong together; as many blanks when they are not asked for. */
  const add = (count: number, group: Argument[] | false | undefined): void => {
    if (!group) {
      for (let blank = 0; blank < count; blank += 1) args.push('')
      return
    }
    args.push(...group)
    length = args.length
  }
  const opens = socket?.opens === true
  add(2, event && encodeEvent(event))
  add(2, throttle && [throttle.requests, throttle.windowMs])
  add(2, lease && [lease.id, lease.limit])
  add(2, (reply !== undefined || opens) && [reply?.ttlMs ?? '', event?.webhook.namespace ?? ''])
  add(4, event && once && [once.ttlMs, event.id, once.fingerprint, once.retryFailed ? '1' : ''])
  add(1, socket && [socket.id])
  add(2, opens && [connectionTtlMs, socket.places])
  // Blanks at the end need not be sent.
  args.length = length
  return args
}

/** How many characters the arguments have. */
export function sizeOf({ args }: Admitting): number {
  return args.reduce<number>((sum, one) => sum + (typeof one === 'number' ? 1 : one.length), 0)
}
