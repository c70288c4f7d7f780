import type { CallEvent, EventRequest, SocketPart } from '../../state/event.ts'
import type { IngressState, SocketMessage, SocketRef, Verdict } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import type { Duplex } from 'node:stream'
import type { Counts } from '../../process/counts.ts'
import type { Log } from '../../process/log.ts'
import type { HeldBytes, HeldShare } from '../held-bytes.ts'
import type { ServedRoute } from '../routes/served.ts'
import { throttleOf, webhookFields } from '../routes/served.ts'
import type { End, EndCode, EndReason } from './ends.ts'
import { ends } from './ends.ts'
import type { HookSocket } from './hook-socket.ts'
import type { SocketLimits } from './limits.ts'
import { Unfinished } from './unfinished.ts'

export interface ConnectionDeps {
  state: IngressState
  limits: SocketLimits
  /** What connections have sent or left unread. */
  held: HeldBytes
  /** An event's id and its time, ISO 8601. */
  stamp: () => { id: string; time: string }
  counts: { events: Counts<CallEvent['type']>; ends: Counts<EndReason> }
  log: Log
}

/** A connection that is about to be accepted, or was. */
export interface ConnectionSeed {
  socket: SocketRef
  route: ServedRoute
  clientIP: string
  /** What the events of the connection have in common: its opening request. */
  request: EventRequest
}

/** What a peer that vanished is recorded as (RFC 6455, 7.4.1). */
const ABNORMAL: End = { code: 1006, reason: '' }
const nothing: Buffer = Buffer.alloc(0)

/**
 * One WebSocket. What its client says is stored message by message, in order, each before the next; while too
 * many wait, nothing more is read. What runs send goes out at once, and ends the connection when the client
 * leaves too much unread.
 */
export class Connection {
  readonly socket: SocketRef
  /**
   * As it is now; its limits hold from the next message on, but for a larger message than the library was
   * told of at the handshake.
   */
  route: ServedRoute
  readonly #deps: ConnectionDeps
  readonly #seed: ConnectionSeed
  #ws: HookSocket | undefined
  /** Sent by runs before the handshake was done. */
  readonly #early: SocketMessage[] = []
  /** How this side ended it, maybe before the handshake was done. */
  #ended: EndCode | undefined
  #endedByRun = false
  readonly #queue: { data: Buffer; binary: boolean }[] = []
  #storing = false
  /**
   * What the client says from now on is not stored: it is over the rate, or something before could not be
   * stored.
   */
  #deaf = false
  #paused = false
  #alive = true
  #onEnded: (() => void) | undefined
  readonly #unfinished = new Unfinished()
  readonly #held: HeldShare
  #closed: End | undefined

  constructor(deps: ConnectionDeps, seed: ConnectionSeed) {
    this.#deps = deps
    this.#seed = seed
    this.socket = seed.socket
    this.route = seed.route
    this.#held = deps.held.holder(() => this.#giveWay())
  }

  /**
   * The handshake is done on that stream. `onEnded` is called once, when the end of the connection is
   * recorded.
   */
  start(ws: HookSocket, stream: Duplex, onEnded: () => void): void {
    this.#ws = ws
    this.#onEnded = onEnded
    stream.prependListener('data', (chunk: Buffer) => this.#received(chunk))
    ws.on('message', (data: Buffer, binary) => this.#hear(data, binary))
    ws.on('pong', () => (this.#alive = true))
    // Told by the close that follows.
    ws.on('error', (error) => this.#deps.log.debug({ err: error, ...this.#fields() }, 'Connection failed'))
    ws.on('close', (code, reason) => this.#over(ws.closedWith ?? { code, reason: reason.toString() }))
    for (const message of this.#early.splice(0)) this.deliver(message)
    if (this.#ended !== undefined) this.end(this.#ended)
  }

  /** Its client was gone before the handshake was done. */
  abandon(onEnded: () => void): void {
    this.#onEnded = onEnded
    this.#over(ABNORMAL)
  }

  /** A message of a run. */
  deliver(message: SocketMessage): void {
    const ws = this.#ws
    if (ws === undefined) {
      this.#early.push(message)
      return
    }
    if (ws.closedWith !== undefined) return
    const { data, close } = message
    if (data !== undefined) {
      const payload = 'text' in data ? data.text : Buffer.from(data.base64, 'base64')
      const bytes = Buffer.byteLength(payload)
      if (!this.#checkBuffer(bytes)) return
      this.#held.keep(bytes)
      ws.send(payload, () => this.#held.free(bytes))
    }
    if (close === undefined) return
    this.#endedByRun = true
    ws.close(close.code, close.reason)
  }

  /** Ends it from this side. What was heard before is stored first, unless it is what ends it. */
  end(code: EndCode): void {
    const { code: status, reason } = ends[code]
    this.#ended ??= code
    this.#ws?.close(status, reason)
  }

  /** Cuts it. */
  terminate(): void {
    this.#ws?.terminate()
  }

  /**
   * To be called once in each interval: asks the client whether it is there; cuts the connection when it has
   * not answered since the last time.
   */
  ping(): void {
    if (!this.#alive) {
      this.#deps.log.debug(this.#fields(), 'Client is dead')
      this.terminate()
      return
    }
    this.#alive = false
    if (this.#checkBuffer(0)) this.#ws?.ping()
  }

  /** False: the client has left too much unread, and the connection is ended. */
  #checkBuffer(more: number): boolean {
    const ws = this.#ws
    if (ws === undefined || ws.bufferedAmount + more <= this.#deps.limits.sendBufferBytes) return true
    if (ws.closedWith === undefined) this.end('SlowReader')
    return false
  }

  #received(chunk: Buffer): void {
    if (this.#ws?.closedWith !== undefined) return
    const before = this.#unfinished.bytes
    this.#unfinished.received(chunk)
    const more = this.#unfinished.bytes - before
    if (more > 0) this.#held.keep(more)
    else this.#held.free(-more)
  }

  /** Others need the memory. What is told to a client that reads nothing may not arrive. */
  #giveWay(): void {
    this.#deaf = true
    this.#queue.length = 0
    this.end('Overloaded')
    this.terminate()
  }

  #hear(data: Buffer, binary: boolean): void {
    this.#alive = true
    if (this.#deaf || this.#ws?.closedWith !== undefined) return
    if (data.length > this.route.payloadBytes) {
      this.end('MessageTooLarge')
      return
    }
    if (this.#queue.length >= this.route.throttle.requests) {
      // More than the window takes wait, so that the rate is exceeded whatever the throttle says of those
      // before.
      this.#deaf = true
      return
    }
    this.#queue.push({ data, binary })
    this.#held.keep(data.length)
    if (this.#queue.length >= this.#deps.limits.queuedMessages && !this.#paused) {
      this.#paused = true
      this.#ws?.pause()
    }
    if (!this.#storing) void this.#store()
  }

  async #store(): Promise<void> {
    this.#storing = true
    let refused: EndCode | undefined
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      refused = await this.#storeOne(next.data, next.binary)
      this.#queue.shift()
      this.#held.free(next.data.length)
      if (refused === undefined) continue
      this.#deaf = true
      this.#queue.length = 0
    }
    this.#storing = false
    if (this.#deaf) this.end(refused ?? 'Throttled')
    if (this.#paused) {
      this.#paused = false
      this.#ws?.resume()
    }
    if (this.#closed !== undefined) await this.#record(this.#closed)
  }

  async #storeOne(body: Buffer, binary: boolean): Promise<EndCode | undefined> {
    const { state, counts, log } = this.#deps
    const { route, socket } = this
    const encoding = route.webSocket.encoding
    const event = this.#event('message', binary ? { binary: encoding } : {}, body)
    try {
      const throttle = throttleOf(route, this.#seed.clientIP)
      const verdict = await state.receive(socket, { throttle, event })
      if (verdict.kind === 'accepted') counts.events.add('message')
      return REFUSALS[verdict.kind]
    } catch (error) {
      if (error instanceof StateUnavailable) return 'StateUnavailable'
      log.error({ err: error, ...this.#fields() }, 'Message failed')
      return 'Internal'
    }
  }

  #over(end: End): void {
    this.#closed = end
    if (!this.#storing) void this.#record(end)
  }

  async #record({ code, reason }: End): Promise<void> {
    this.#held.end()
    const event = this.#event('disconnect', { end: { statusCode: code, reason } }, nothing)
    await this.#deps.state.disconnect(this.socket, event)
    this.#deps.counts.events.add('disconnect')
    this.#deps.counts.ends.add(this.#endReason(code))
    this.#deps.log.debug({ statusCode: code, ...this.#fields() }, 'Connection is over')
    this.#onEnded?.()
  }

  #endReason(code: number): EndReason {
    if (this.#ended !== undefined) return this.#ended
    const own = this.#ws?.closedWith
    // The library's own doing.
    if (own === ends.MessageTooLarge) return 'MessageTooLarge'
    if (own === ends.MessageTooScattered) return 'MessageTooScattered'
    if (this.#endedByRun) return 'Workflow'
    return code === ABNORMAL.code ? 'Lost' : 'Client'
  }

  /** The event that opens it. */
  connectEvent(): CallEvent {
    return this.#event('connect', {}, nothing)
  }

  #event(type: CallEvent['type'], part: Omit<SocketPart, 'id'>, body: Buffer): CallEvent {
    const socket = { id: this.socket.id, ...part }
    // Not those of the time of its opening, which may be long ago.
    const { workflows = this.#seed.request.workflows } = this.route
    const request = workflows === undefined ? this.#seed.request : { ...this.#seed.request, workflows }
    return { ...request, ...this.#deps.stamp(), type, socket, body }
  }

  #fields() {
    return connectionFields(this.socket, this.route)
  }
}

/** What every line of the log about a connection tells. */
export function connectionFields({ id }: Pick<SocketRef, 'id'>, route: ServedRoute) {
  return { connectionId: id, ...webhookFields(route) }
}

/** What a message that is not stored does to its connection. */
const REFUSALS: Record<Verdict['kind'] | 'gone', EndCode | undefined> = {
  accepted: undefined,
  throttled: 'Throttled',
  // A message takes no place, and has no key.
  crowded: 'Internal',
  repeated: 'Internal',
  reused: 'Internal',
  backlogged: 'Backlogged',
  gone: 'Lapsed',
}
