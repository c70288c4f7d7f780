import type { CallEvent } from '../event.ts'
import type { IngressState, SocketListener, SocketMessage, SocketRef } from '../state.ts'
import type { Asked } from './admission.ts'
import { admissionOf, admissionsOf, connectionTtlMs } from './admission.ts'
import type { Connection } from './connection.ts'
import { encodeEvent } from './event-format.ts'
import { every } from './every.ts'
import { createGroups } from './groups.ts'
import type { Keys } from './keys.ts'
import type { Settings } from './options.ts'
import { leastWeight } from './options.ts'
import type { Scripts } from './script.ts'
import { verdictOf } from './verdict.ts'

/** The WebSockets that one ingress process holds, see `IngressState`. */
export interface Sockets extends Pick<IngressState, 'connect' | 'receive' | 'disconnect' | 'onSocket'> {
  /** A message of the pod's channel for a connection: its number, a blank, and the message. */
  deliver(id: string, line: string): void
  stop(): void
}

export interface SocketsDeps {
  channel: string
  keys: Keys
  scripts: Scripts
  settings: Settings
  connection: Connection
}

interface Held extends SocketRef {
  /** The number of the last message that was delivered. */
  delivered: number
  /** The highest number that is known to have been sent. */
  sent: number
  fetching: boolean
}

/** How many connections go into one script, so that none holds Redis up. */
const batch = 200
/** How long what was delivered may lie in an outbox. */
const trimMs = 250

export function createSockets({ channel, keys, scripts, settings, connection }: SocketsDeps): Sockets {
  const { clock, onError, lapseMs } = settings
  const pod = { keys, settings, channel }
  const held = new Map<string, Held>()
  /** Those that are open. */
  const byPartition = createGroups<Held>()
  /** Those with messages delivered since the last trim. */
  let untrimmed = createGroups<Held>()
  let listener: SocketListener | undefined

  function hold(socket: SocketRef): Held {
    const one = { ...socket, delivered: 0, sent: 0, fetching: false }
    held.set(socket.id, one)
    return one
  }

  function forget({ partition, id }: SocketRef): void {
    held.delete(id)
    byPartition.delete(partition, id)
    untrimmed.delete(partition, id)
  }

  function deliverOne(one: Held, number: number, json: string): void {
    one.delivered = number
    untrimmed.add(one.partition, one.id, one)
    listener?.message(one.id, JSON.parse(json) as SocketMessage)
  }

  /**
   * Delivers what publications have missed, up to the message with that number, and to any that is heard of
   * meanwhile.
   */
  async function fetchMissed(one: Held, number: number): Promise<void> {
    one.sent = Math.max(one.sent, number)
    if (one.fetching) return
    one.fetching = true
    try {
      while (one.delivered < one.sent && held.get(one.id) === one) {
        const wanted = one.sent
        const last = await fetchOutbox(one)
        // What is not there any more has expired, or Redis has lost it.
        if (one.delivered < last) one.delivered = last
        if (last < wanted) return
      }
    } finally {
      one.fetching = false
    }
  }

  /** The number of the last message of the outbox. */
  async function fetchOutbox(one: Held): Promise<number> {
    const names = [keys.connection(one.partition, one.id), keys.outbox(one.partition, one.id)]
    const [last, messages] = (await connection.run(scripts['fetch-outbox'], names, [])) as [number, string[]]
    for (const [index, json] of messages.entries()) {
      const number = last - messages.length + 1 + index
      if (number > one.delivered && held.get(one.id) === one) deliverOne(one, number, json)
    }
    return last
  }

  async function renewBatch(partition: number, some: Held[]): Promise<void> {
    const names = some.flatMap(({ id, places }) => [
      keys.connection(partition, id),
      keys.lease(partition, places),
    ])
    const args = [lapseMs, connectionTtlMs, ...some.map(({ id }) => id)]
    const sent = (await connection.run(
      scripts['renew-connections'],
      [keys.connections(partition), ...names],
      args,
    )) as number[]
    for (const [index, one] of some.entries()) renewed(one, sent[index] ?? -1)
  }

  function renewed(one: Held, sent: number): void {
    if (held.get(one.id) !== one) return
    if (sent < 0) {
      forget(one)
      listener?.lapsed(one.id)
    } else if (sent > one.delivered) fetchMissed(one, sent).catch(onError)
  }

  async function trim(): Promise<void> {
    const done = untrimmed
    untrimmed = createGroups()
    await done.each(batch, async (partition, some) => {
      const names = some.flatMap(({ id }) => [keys.connection(partition, id), keys.outbox(partition, id)])
      await connection.run(
        scripts['trim-outboxes'],
        names,
        some.map(({ delivered }) => delivered),
      )
    })
  }

  /** At once, not at the end of the turn: the end of a connection must not come before its messages. */
  async function admit(asked: Asked): Promise<ReturnType<typeof verdictOf>> {
    const { names, args } = admissionsOf([admissionOf(asked, pod)], pod)
    const [code] = (await connection.run(scripts.admit, names, args)) as unknown[]
    return verdictOf(code)
  }

  const stops = [
    every(lapseMs / 3, clock, () => byPartition.each(batch, renewBatch), onError),
    every(trimMs, clock, trim, onError),
  ]

  return {
    async connect(socket, { throttle, limit, event }) {
      const { id, partition, places } = socket
      const asked = { partition, throttle, event, lease: { key: places, id, limit } }
      // From now on, because a run may send before this act is known to be done.
      const one = hold(socket)
      try {
        const verdict = await admit({ ...asked, socket: { ...socket, opens: true } })
        if (verdict.kind === 'gone') throw new Error('a connection that is being opened can not be gone')
        // Renewed only from now on: Redis would not know it before.
        if (verdict.kind === 'accepted') byPartition.add(partition, id, one)
        else forget(socket)
        return verdict
      } catch (error) {
        // Should it have been done, the connection lapses.
        forget(socket)
        throw error
      }
    },

    async receive(socket, { throttle, event }) {
      const asked = { partition: socket.partition, throttle, event, socket: { ...socket, opens: false } }
      return await admit(asked)
    },

    async disconnect(socket, event) {
      forget(socket)
      await endSocket({ keys, scripts, settings, connection }, socket, event).catch(onError)
    },

    onSocket: (given) => void (listener = given),

    deliver(id, line) {
      const one = held.get(id)
      if (one === undefined) return
      const blank = line.indexOf(' ')
      const number = Number(line.slice(0, blank))
      if (number === one.delivered + 1) deliverOne(one, number, line.slice(blank + 1))
      else if (number > one.delivered) fetchMissed(one, number).catch(onError)
    },

    stop() {
      for (const stop of stops) stop()
    },
  }
}

/** Records the end of a connection. False: it was recorded before, or, with `onlyLapsed`, it goes on. */
export async function endSocket(
  { keys, scripts, settings, connection }: Omit<SocketsDeps, 'channel'>,
  { partition, id, places }: SocketRef,
  event: CallEvent,
  { onlyLapsed = false } = {},
): Promise<boolean> {
  const [head, body] = encodeEvent(event)
  const names = [
    keys.events(partition),
    keys.idle(partition),
    keys.connections(partition),
    keys.connection(partition, id),
    keys.outbox(partition, id),
    keys.line(partition, id),
    keys.backlog(partition),
    keys.lease(partition, places),
  ]
  const ended = await connection.run(scripts.disconnect, names, [
    id,
    head,
    body,
    partition,
    onlyLapsed ? '1' : '0',
    leastWeight(settings),
  ])
  return ended === 1
}
