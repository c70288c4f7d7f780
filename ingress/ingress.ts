import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { Clock } from '../state/clock.ts'
import type { IngressState } from '../state/state.ts'
import { createDeadlines } from '../state/deadlines.ts'
import type { Activity } from './http/activity.ts'
import { createActivity } from './http/activity.ts'
import type { ProxyTrust } from './http/client-address.ts'
import { createClientAddress } from './http/client-address.ts'
import { createCallHandler } from './http/call.ts'
import { createSender } from './http/exchange.ts'
import type { HttpLimits } from './http/limits.ts'
import { DEFAULT_LIMITS } from './http/limits.ts'
import { createHttpServer } from './http/server.ts'
import { createWaitingCalls } from './http/waiting.ts'
import type { Log } from '../process/log.ts'
import { createHeldBytes } from './held-bytes.ts'
import { createIds } from './ids.ts'
import { createIsoTime } from './iso-time.ts'
import type { RouteTable } from './routes/table.ts'
import type { Tally } from './verify/tally.ts'
import { createTally } from './verify/tally.ts'
import type { SocketLimits } from './websocket/limits.ts'
import { DEFAULT_SOCKET_LIMITS } from './websocket/limits.ts'
import { createSockets } from './websocket/sockets.ts'

export interface IngressDeps {
  /** Stays its owner's: the ingress does not close it. One ingress per state. */
  state: IngressState
  /** The routes served; changes of it take effect with the next call. */
  table: RouteTable
  clock: Clock
  log: Log
  /**
   * What callers see in front of `/webhooks/…`, for providers that sign the URL. Left out: such calls can't
   * be verified (503), unless the webhook tells the URL itself.
   */
  publicUrl?: () => string | undefined
  /** Who may say for whom he calls; nobody when left out. */
  proxies?: ProxyTrust
  /** Over the defaults of `http/limits.ts`. */
  limits?: Partial<HttpLimits>
  /** Over the defaults of `websocket/limits.ts`. */
  socketLimits?: Partial<SocketLimits>
  /** Makes ids of events and requests: UUIDv7. */
  newId?: () => string
}

export interface Ingress {
  /** What is under way, and what was answered, since the start. */
  readonly calls: Readonly<Omit<Activity, 'begin' | 'end'>>
  /** How verifications ended since the start. */
  readonly verifications: Pick<Tally, 'entries'>
  /** How many connections callers hold, and how many they may. */
  connections(): Promise<number>
  readonly maxConnections: number
  /** How many WebSockets are open. */
  openSockets(): number
  /**
   * Whether new calls can be accepted now: it listens, does not close, and the state answers within a second.
   * Never rejects.
   */
  ready(): Promise<boolean>
  /** What unfinished bodies and messages take, and messages that wait. */
  readonly heldBytes: number
  /**
   * Rejects when the address can't be had. Port 0 takes a free one; without a host it listens on all
   * addresses.
   */
  listen(address: { port: number; host?: string | undefined }): Promise<{ host: string; port: number }>
  /**
   * Readiness off; after `acceptMs` (0) no new connections; calls in flight are answered until the deadline,
   * counted from then; those who still wait get a 503, WebSockets are ended with 1012 in waves, and what is
   * left is cut. Idempotent.
   */
  close(options: CloseOptions): Promise<void>
}

export interface CloseOptions {
  deadlineMs: number
  /**
   * For how long new calls are still accepted, so that load balancers learn of it before a connection is
   * refused.
   */
  acceptMs?: number
}

/** How long the last answers may take to leave after the deadline. */
const FLUSH_MS = 500
/** How often connections that have become idle are looked for on the way down. */
const IDLE_CHECK_MS = 50
/** How long readiness waits for the state. */
const READY_TIMEOUT_MS = 1_000

/** The data plane: accepts calls to the table's webhooks over HTTP, hands them to the state and answers. */
export function createIngress(deps: IngressDeps): Ingress {
  const { state, table, clock, log } = deps
  const limits = { ...DEFAULT_LIMITS, ...deps.limits }
  const deadlines = createDeadlines(clock)
  const now = (): number => clock.now()
  const newId = deps.newId ?? createIds({ now, random: randomFillSync })
  const calls = createActivity(() => clock.monotonic())
  const sender = createSender(deadlines, limits, (code) => calls.refusals.add(code))
  const waiting = createWaitingCalls({ state, deadlines, sender, limits, log })
  const publicUrl = deps.publicUrl ?? (() => undefined)
  const clientAddress = createClientAddress(deps.proxies ?? { networks: [], header: 'X-Forwarded-For' })
  const isoTime = createIsoTime()
  const socketLimits = { ...DEFAULT_SOCKET_LIMITS, ...deps.socketLimits }
  const held = createHeldBytes(limits.heldBytes)
  const sockets = createSockets({
    state,
    table,
    clock,
    limits: socketLimits,
    held,
    newId,
    isoTime,
    counts: calls,
    log,
  })
  const tally = createTally()
  const call = createCallHandler({
    state,
    table,
    waiting,
    sockets,
    sender,
    publicUrl,
    tally,
    activity: calls,
    clientAddress,
    held,
    now,
    isoTime,
    newId,
    log,
  })
  const server = createHttpServer({ call, sender, activity: calls, limits, newId, log })
  let closing: Promise<void> | undefined

  async function ready(): Promise<boolean> {
    if (closing !== undefined || !server.listening) return false
    const answer = state.ready().catch(() => false)
    return (await Promise.race([answer, elapsed(READY_TIMEOUT_MS)])) === true
  }

  /** Resolves, with nothing, after that time on the injected clock. */
  function elapsed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      deadlines.add(ms, resolve)
    })
  }

  async function stop({ deadlineMs, acceptMs = 0 }: CloseOptions): Promise<void> {
    // Who still calls is told at once to come over a new connection, which leads to another pod: one that is
    // closed later may have a call on its way.
    sender.closeConnections()
    if (acceptMs > 0) await elapsed(acceptMs)
    const closed = once(server, 'close')
    server.close()
    // A connection between its last answer and its next request was not idle when the server looked.
    const closeIdle = () => {
      server.closeIdleConnections()
      return clock.setTimer(() => (stopIdleCheck = closeIdle()), IDLE_CHECK_MS)
    }
    let stopIdleCheck = closeIdle()
    const wavesMs = Math.min(socketLimits.wavesMs, deadlineMs / 2)
    const socketsClosed = sockets.close({ wavesMs })
    if (deadlineMs > 0) await Promise.race([closed, elapsed(deadlineMs)])
    waiting.answerAll('ShuttingDown')
    await Promise.race([closed, elapsed(FLUSH_MS)])
    server.closeAllConnections()
    sockets.terminate()
    await closed
    stopIdleCheck()
    await waiting.settled()
    await socketsClosed
    deadlines.stop()
  }

  return {
    calls,
    verifications: tally,
    maxConnections: limits.connections,
    connections: () => promisify(server.getConnections.bind(server))(),
    openSockets: () => sockets.size,
    ready,
    get heldBytes() {
      return held.total
    },

    async listen(address) {
      server.listen(address)
      await once(server, 'listening')
      server.on('error', (error) => log.error({ err: error }, 'HTTP server failed'))
      const taken = server.address() as AddressInfo
      return { host: taken.address, port: taken.port }
    },

    async close(options) {
      closing ??= server.listening ? stop(options) : Promise.resolve()
      await closing
    },
  }
}
