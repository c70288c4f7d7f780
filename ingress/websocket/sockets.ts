import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../state/clock.ts'
import { socketIdOf } from '../../state/reply-id.ts'
import type { IngressState, SocketRef, Verdict } from '../../state/state.ts'
import type { Log } from '../../process/log.ts'
import type { HeldBytes } from '../held-bytes.ts'
import type { ServedRoute } from '../routes/served.ts'
import { throttleOf } from '../routes/served.ts'
import type { RouteName, RouteTable } from '../routes/table.ts'
import { createAcceptor } from './acceptor.ts'
import type { ConnectionDeps, ConnectionSeed } from './connection.ts'
import { Connection, connectionFields } from './connection.ts'
import type { EndCode } from './ends.ts'
import { createHeartbeat } from './heartbeat.ts'
import type { SocketLimits } from './limits.ts'

/** A checked handshake, whose connection only the shared state can still refuse. */
export interface Opening extends Omit<ConnectionSeed, 'socket'> {
  req: IncomingMessage
  /** Taken over when the connection is accepted. */
  stream: Duplex
  /** What had come behind the handshake. */
  head: Buffer
  /** More headers of the answer, given the id of the event: names and values in turn. */
  headers(eventId: string): readonly string[]
  /** To be called when the stream is taken over. */
  release(): void
  /** The throttle has counted it already. */
  isCounted: boolean
}

/** The WebSockets of the process. */
export interface Sockets {
  /**
   * With `accepted`, the handshake is answered; with any other verdict that is left to the caller. Rejects
   * when the state is unavailable.
   */
  open(opening: Opening): Promise<Verdict | { kind: 'closing' }>
  /** Ends all of them, in waves, and opens no more. Resolves when the end of each is recorded. */
  close(options: { wavesMs: number }): Promise<void>
  /** Cuts what is left. */
  terminate(): void
  /** How many are open or about to be. */
  readonly size: number
}

export interface SocketsDeps {
  state: IngressState
  table: RouteTable
  clock: Clock
  limits: SocketLimits
  held: HeldBytes
  newId: () => string
  isoTime: (ms: number) => string
  counts: ConnectionDeps['counts']
  log: Log
}

export function createSockets(deps: SocketsDeps): Sockets {
  const { state, table, clock, limits, held, newId, isoTime, counts, log } = deps
  const connections = new Map<string, Connection>()
  const byWebhook = new Map<string, Set<Connection>>()
  const heartbeat = createHeartbeat<Connection>(clock, limits.pingIntervalMs, (one) => one.ping())
  const accept = createAcceptor(limits)
  const stamp = (): { id: string; time: string } => ({ id: newId(), time: isoTime(clock.now()) })
  let closing = false
  let onEmpty: (() => void) | undefined

  state.onSocket({
    message: (id, message) => connections.get(id)?.deliver(message),
    lapsed: (id) => connections.get(id)?.end('Lapsed'),
  })

  const stopWatching = table.watch((webhook, route) => {
    for (const one of byWebhook.get(keyOf(webhook)) ?? []) follow(one, route)
  })

  function hold(one: Connection): void {
    connections.set(one.socket.id, one)
    const key = keyOf(one.route.webhook)
    const siblings = byWebhook.get(key)
    if (siblings === undefined) byWebhook.set(key, new Set([one]))
    else siblings.add(one)
  }

  function forget(one: Connection): void {
    connections.delete(one.socket.id)
    heartbeat.delete(one)
    const key = keyOf(one.route.webhook)
    const siblings = byWebhook.get(key)
    if (siblings?.delete(one) === true && siblings.size === 0) byWebhook.delete(key)
    if (connections.size === 0) onEmpty?.()
  }

  return {
    async open({ req, stream, head, headers, release, isCounted, ...seed }) {
      if (closing) return { kind: 'closing' }
      const { route, clientIP } = seed
      const { partition, places } = route
      const socket = { partition, id: socketIdOf(partition, newId()), places: places.key }
      const one = new Connection({ state, limits, held, stamp, counts, log }, { ...seed, socket })
      const event = one.connectEvent()
      // Before it is accepted: a run may send to it, and its webhook may go, while the state answers.
      hold(one)
      try {
        const throttle = isCounted ? {} : { throttle: throttleOf(route, clientIP) }
        const verdict = await state.connect(socket, { ...throttle, limit: places.limit, event })
        if (verdict.kind !== 'accepted') {
          forget(one)
          return verdict
        }
        counts.events.add('connect')
      } catch (error) {
        forget(one)
        throw error
      }
      release()
      const ws = accept({ req, stream, head, route, headers: headers(event.id) })
      if (ws === undefined) one.abandon(() => forget(one))
      else {
        one.start(ws, stream, () => forget(one))
        heartbeat.add(one)
        log.debug(connectionFields(socket, route), 'Connection is open')
      }
      return { kind: 'accepted' }
    },

    async close({ wavesMs }) {
      closing = true
      const all = [...connections.values()]
      const waves = Math.max(1, Math.floor(wavesMs / limits.waveIntervalMs))
      const size = Math.max(limits.waveConnections, Math.ceil(all.length / waves))
      const ended = new Promise<void>((resolve) => (onEmpty = resolve))
      if (connections.size === 0) onEmpty?.()
      for (let from = 0; from < all.length; from += size) {
        if (from > 0) await new Promise<void>((resolve) => clock.setTimer(resolve, limits.waveIntervalMs))
        for (const one of all.slice(from, from + size)) one.end('Restarting')
      }
      await ended
      stopWatching()
      heartbeat.stop()
    },

    terminate() {
      for (const one of connections.values()) one.terminate()
    },

    get size() {
      return connections.size
    },
  }
}

function keyOf({ namespace, name }: RouteName): string {
  return `${namespace}/${name}`
}

/** The webhook has changed: its connections go on under its new route, or are ended. */
function follow(one: Connection, route: ServedRoute | undefined): void {
  const code = endBy(route, one.socket)
  if (code !== undefined) one.end(code)
  else if (route !== undefined) one.route = route
}

function endBy(route: ServedRoute | undefined, { partition }: SocketRef): EndCode | undefined {
  if (route === undefined || route.state === 'Suspended') return 'WebhookGone'
  if (route.state !== 'Active') return 'WebhookUnavailable'
  return route.partition === partition ? undefined : 'Moved'
}
