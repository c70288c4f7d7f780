/**
 * An ingress process: routes from an API server or a folder, state in Redis. Configured by the environment,
 * see `config.ts`.
 */
import manifest from '../package.json' with { type: 'json' }
import { followArtefacts } from '../artefacts/source.ts'
import { readConfig } from '../process/config.ts'
import { createInstanceName } from '../process/instance-name.ts'
import { aborted } from '../process/lifetime.ts'
import { createLog } from '../process/log.ts'
import { runProcess } from '../process/main.ts'
import { serveObservers } from '../process/observers.ts'
import { stateOptions } from '../process/settings.ts'
import { systemClock as clock } from '../state/clock.ts'
import { createRedisState } from '../state/redis/redis.ts'
import { INGRESS_SETTINGS } from './config.ts'
import { createIngress } from './ingress.ts'
import { ingressMetrics } from './metrics.ts'
import type { Route } from './route.ts'
import { createRouteSink } from './routes/sink.ts'
import { createRouteTable } from './routes/table.ts'
import { stateMetrics } from './state-metrics.ts'
import { createGuardedGet } from './verify/outbound/client.ts'
import { createOutbound } from './verify/outbound/outbound.ts'

await runProcess(process, async (stop) => {
  const config = readConfig(INGRESS_SETTINGS, process.env)
  const log = createLog({ level: config.logLevel, stream: process.stderr })
  const pod = createInstanceName()
  // Whatever was opened is closed at the end, the last first, also when something else can't be opened.
  await using opened = new AsyncDisposableStack()

  const state = createRedisState({
    ...stateOptions(config),
    onError: (error) => log.warn({ err: error }, 'Shared state has a fault'),
  })
  opened.defer(() => state.close())

  const get = createGuardedGet({ clock, ...(config.certOrigins ? { origins: config.certOrigins } : {}) })
  const verifiers = createOutbound({ get, now: () => clock.now() })
  const table = createRouteTable({ partitions: config.partitions, verifiers })
  // Calls are taken only when every route is known: a 404 is a promise, too.
  const routes = await followArtefacts<Route>(config, {
    kind: 'route',
    sink: createRouteSink(table),
    onFault: (source, error) => log.error({ source, err: error }, 'Route is not taken'),
    onInterruption: (error) => log.warn({ err: error }, 'Routes can not be followed'),
    userAgent: 'hooklet-ingress',
    signal: stop,
  })
  opened.defer(() => routes.close())

  const ingressState = state.ingress(pod)
  const ingress = createIngress({
    state: ingressState,
    table,
    clock,
    log,
    publicUrl: () => config.publicUrl,
    proxies: { networks: config.trustedProxies, header: config.forwardedHeader },
    limits: { heldBytes: config.heldBytes },
  })
  const { port } = await ingress.listen({ port: config.port, host: config.host })
  opened.defer(() => ingress.close({ deadlineMs: 0 }))

  const observers = await serveObservers({
    config,
    ready: () => ingress.ready(),
    role: 'ingress',
    version: manifest.version,
    metrics: [...ingressMetrics(ingress, table), ...stateMetrics(ingressState, clock)],
  })
  opened.defer(() => observers.close())

  const { healthPort, metricsPort } = observers
  log.info({ pod, port, healthPort, metricsPort, routes: table.size }, 'Ingress listens')
  await aborted(stop)
  log.info({ pod }, 'Ingress stops')
  await ingress.close({ deadlineMs: config.drainSeconds * 1000, acceptMs: config.acceptSeconds * 1000 })
})
