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

/** Keys and arguments of the script `admit`, in the order in which it names them. */
export function admissionOf(asked: Asked, pod: Pod): { names: string[]; args: Argument[] } {
  return { names: keysOf(asked, pod), args: argumentsOf(asked, pod) }
}

function keysOf({ partition, event, throttle, lease, reply, once, socket }: Asked, { keys }: Pod): string[] {
  const names = [
    keys.events(partition),
    keys.parked(partition),
    keys.idle(partition),
    keys.backlog(partition),
  ]
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

function argumentsOf(
  { partition, event, throttle, lease, reply, once, socket }: Asked,
  { settings, channel }: Pod,
): Argument[] {
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
  const namespace = event?.webhook.namespace ?? ''
  const { backlogBytes, parked } = settings
  add(6, event && [...encodeEvent(event), leastWeight(settings), backlogBytes, parked, partition])
  add(2, throttle && [throttle.requests, throttle.windowMs])
  add(3, lease && [lease.id, lease.limit, settings.lapseMs])
  add(3, (reply !== undefined || opens) && [reply?.ttlMs ?? '', channel, namespace])
  add(4, event && once && [once.ttlMs, event.id, once.fingerprint, once.retryFailed ? '1' : ''])
  add(2, socket && [socket.id, lineCap])
  add(2, opens && [connectionTtlMs, socket.places])
  // Blanks at the end need not be sent.
  args.length = length
  return args
}
