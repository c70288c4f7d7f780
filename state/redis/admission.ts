import type { CallEvent } from '../event.ts'
import type { Lease, Once, SocketRef, Throttle } from '../state.ts'
import type { Argument } from './connection.ts'
import { encodeEvent } from './event-format.ts'
import type { Keys } from './keys.ts'
import { longId } from './keys.ts'
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
  partition: number
  names: string[]
  args: Argument[]
}

/** The keys and arguments of one call, in the order in which the script names them. */
export function admissionOf(asked: Asked, pod: Pod): Admitting {
  return { partition: asked.partition, names: keysOf(asked, pod), args: argumentsOf(asked) }
}

/** Calls of one partition share a section of the script where they are beside each other. */
export function byPartition(one: Admitting, other: Admitting): number {
  return one.partition - other.partition
}

/** Keys and arguments of the script for these calls, of any partitions. */
export function admissionsOf(calls: Admitting[], pod: Pod): Pick<Admitting, 'names' | 'args'> {
  const { keys, settings, channel } = pod
  const { backlogBytes, parked, lapseMs } = settings
  const names: string[] = []
  const args: Argument[] = [leastWeight(settings), backlogBytes, parked, lapseMs, channel, lineCap]
  let section: { partition: number; sizeAt: number } | undefined
  for (const { partition, names: own, args: said } of calls) {
    if (section?.partition !== partition) {
      names.push(...keys.section(partition))
      section = { partition, sizeAt: args.push(partition, 0) - 1 }
    }
    args[section.sizeAt] = (args[section.sizeAt] as number) + 1
    names.push(...own)
    args.push(said.length, ...said)
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
  // One that is remembered with its event stays longer than others.
  if (reply !== undefined)
    names.push(once === undefined ? keys.replies(partition, reply.id) : keys.reply(partition, reply.id))
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
  add(2, lease && [socket === undefined ? longId(lease.id) : lease.id, lease.limit])
  const from = event?.webhook.namespace ?? ''
  add(3, reply ? [reply.ttlMs, from, longId(reply.id)] : opens && ['', from, ''])
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
