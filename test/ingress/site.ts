import type { ProxyTrust } from '../../ingress/http/client-address.ts'
import type { HttpLimits } from '../../ingress/http/limits.ts'
import { createIngress } from '../../ingress/ingress.ts'
import type { Ingress } from '../../ingress/ingress.ts'
import { serveHealth } from '../../process/health.ts'
import type { Log } from '../../process/log.ts'
import type { Route } from '../../ingress/route.ts'
import { createRouteTable } from '../../ingress/routes/table.ts'
import type { RouteTable } from '../../ingress/routes/table.ts'
import type { VerifierDeps } from '../../ingress/verify/verifier.ts'
import type { CallEvent } from '../../state/event.ts'
import type { IngressState, ReplyMessage, ReplyOutcome, RunnerState } from '../../state/state.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import { createManualClock } from '../support/manual-clock.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import type { SocketLimits } from '../../ingress/websocket/limits.ts'

/** A running ingress over an embedded state, with what a test does on either side of it. */
export interface Site {
  ingress: Ingress
  table: RouteTable
  clock: ManualClock
  runner: RunnerState
  port: number
  /** Of its probes. */
  healthPort: number
  /** Each line as it was logged. */
  logged: { level: keyof Log; fields: Record<string, unknown>; message: string }[]
  /** Calls the route, with `rest` after its token. */
  call(route: Route, rest?: string, init?: RequestInit): Promise<Response>
  /** The next event in the queue; waits for it. */
  nextEvent(): Promise<CallEvent>
  reply(event: CallEvent, message: ReplyMessage): Promise<ReplyOutcome>
  close(): Promise<void>
}

export interface SiteOptions {
  routes?: Route[]
  limits?: Partial<HttpLimits>
  socketLimits?: Partial<SocketLimits>
  /** What callers see in front of `/webhooks/…`. */
  publicUrl?: string
  /** Default: one that stands at the start of 2026. */
  clock?: ManualClock
  /** What verifiers fetch with. */
  verifiers?: VerifierDeps
  proxies?: ProxyTrust
  /** Puts something between the ingress and its state. */
  wrap?: (state: IngressState) => IngressState
}

export async function startSite({
  routes = [],
  limits = {},
  proxies = { networks: [], header: 'X-Forwarded-For' },
  socketLimits = {},
  wrap = (state) => state,
  publicUrl,
  verifiers,
  clock = createManualClock(),
}: SiteOptions): Promise<Site> {
  const state = createMemoryState({ clock })
  const runner = state.runner('runner')
  const table = createRouteTable(verifiers ? { verifiers } : {})
  for (const route of routes) table.put(route)
  const logged: Site['logged'] = []
  const record = (level: keyof Log) => (fields: object, message: string) =>
    void logged.push({ level, fields: { ...fields }, message })
  const log: Log = {
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  }
  const ingress = createIngress({
    state: wrap(state.ingress('ingress')),
    table,
    clock,
    log,
    limits,
    socketLimits,
    publicUrl: () => publicUrl,
    proxies,
  })
  const { port } = await ingress.listen({ port: 0, host: '127.0.0.1' })
  const health = await serveHealth({ port: 0, host: '127.0.0.1', ready: () => ingress.ready() })

  return {
    ingress,
    table,
    clock,
    runner,
    port,
    healthPort: health.port,
    logged,
    call: (route, rest = '', init = {}) =>
      fetch(`http://127.0.0.1:${port}/webhooks/${route.token}${rest}`, { redirect: 'manual', ...init }),
    async nextEvent() {
      const [delivery] = await runner.read({ count: 1, blockMs: 10_000 })
      if (delivery?.kind !== 'event') throw new Error('there is no event')
      await runner.acknowledge([delivery])
      return delivery.event
    },
    reply(event, message) {
      const { reply, webhook } = event
      if (reply === undefined) throw new Error('nobody waits for a reply')
      return runner.reply({ replyId: reply.id, namespace: webhook.namespace }, message)
    },
    async close() {
      await ingress.close({ deadlineMs: 0 })
      await health.close()
      await state.close()
    },
  }
}

/** Starts sites for the tests of a file; to be ended in `afterEach`. */
export function createSites() {
  const sites: Site[] = []
  return {
    async start(options: SiteOptions): Promise<Site> {
      const site = await startSite(options)
      sites.push(site)
      return site
    },
    async end(): Promise<void> {
      for (const site of sites.splice(0)) await site.close()
    },
  }
}
