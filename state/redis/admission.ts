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

/** How many arguments a call has to itself at most. */
const mostOwn = 4

interface Pod {
  keys: Keys
  settings: Settings
  /** Where the pod hears of replies and messages. */
  channel: string
}

/** What a call is for the script `admit`, in the order in which the script names it. */
export interface Admitting {
  partition: number
  /** Its event and ids. */
  own: Argument[]
  /** What else is asked for, and the keys that it needs: the same for most calls of a webhook. */
  terms: Argument[]
  names: string[]
}

export function admissionOf(asked: Asked, pod: Pod): Admitting {
  return { partition: asked.partition, own: ownOf(asked), terms: termsOf(asked), names: keysOf(asked, pod) }
}

/** Calls of one partition share a section of the script where they are beside each other. */
export function byPartition(one: Admitting, other: Admitting): number {
  return one.partition - other.partition
}

/** Keys and arguments of the script for these calls, of any partitions. */
export function admissionsOf(calls: Admitting[], pod: Pod): { names: string[]; args: Argument[] } {
  const { keys, settings, channel } = pod
  const { backlogBytes, parked, lapseMs } = settings
  const names: string[] = []
  const args: Argument[] = [leastWeight(settings), backlogBytes, parked, lapseMs, channel, lineCap]
  let section: { partition: number; sizeAt: number } | undefined
  let former: Admitting | undefined
  for (const call of calls) {
    const { partition } = call
    if (section?.partition !== partition) {
      names.push(...keys.section(partition))
      section = { partition, sizeAt: args.push(partition, 0) - 1 }
      former = undefined
    }
    args[section.sizeAt] = (args[section.sizeAt] as number) + 1
    if (former !== undefined && areSame(former.terms, call.terms) && areSame(former.names, call.names))
      args.push(call.own.length, ...call.own)
    else {
      names.push(...call.names)
      args.push(mostOwn + call.terms.length, ...call.own)
      for (let blank = call.own.length; blank < mostOwn; blank += 1) args.push('')
      args.push(...call.terms)
    }
    former = call
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

/** Head and body of the event; the id of the place and of the reply, and that of the reply if it is another one. */
function ownOf({ event, lease, reply, socket }: Asked): Argument[] {
  const own: Argument[] = event === undefined ? ['', ''] : encodeEvent(event)
  if (lease !== undefined) own.push(socket === undefined ? longId(lease.id) : lease.id)
  if (reply !== undefined && reply.id !== lease?.id) own.push(...(lease ? [] : ['']), longId(reply.id))
  return own
}

function termsOf({ event, throttle, lease, reply, once, socket }: Asked): Argument[] {
  const terms: Argument[] = []
  let length = 1
  /** Arguments that belong together; as many blanks when they are not asked for. */
  const add = (count: number, group: Argument[] | false | undefined): void => {
    if (!group) {
      for (let blank = 0; blank < count; blank += 1) terms.push('')
      return
    }
    terms.push(...group)
    length = terms.length
  }
  const opens = socket?.opens === true
  add(2, throttle && [throttle.requests, throttle.windowMs])
  add(1, lease && [lease.limit])
  add(2, (reply !== undefined || opens) && [reply?.ttlMs ?? '', event?.webhook.namespace ?? ''])
  add(4, event && once && [once.ttlMs, event.id, once.fingerprint, once.retryFailed ? '1' : ''])
  add(1, socket && [socket.id])
  add(2, opens && [connectionTtlMs, socket.places])
  // Blanks at the end need not be sent, but for one: without any, a call comes under the terms of another.
  terms.length = length
  return terms
}

function areSame(some: Argument[], others: Argument[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index])
}

/** How many characters the arguments have. */
export function sizeOf({ own, terms }: Admitting): number {
  return lengthOf(own) + lengthOf(terms)
}

function lengthOf(args: Argument[]): number {
  return args.reduce<number>((sum, one) => sum + (typeof one === 'number' ? 1 : one.length), 0)
}
