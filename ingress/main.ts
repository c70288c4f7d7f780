/**
 * An ingress process: routes from an API server or a folder, state in Redis. Configured by the environment,
 * see `config.ts`.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import manifest from '../package.json' with { type: 'json' }
import { followArtefacts } from '../artefacts/source.ts'
import { readConfig } from '../process/config.ts'
import { serveHealth } from '../process/health.ts'
import { aborted } from '../process/lifetime.ts'
import { createLog } from '../process/log.ts'
import { processMetrics, serveMetrics } from '../process/metrics.ts'
import { runProcess } from '../process/main.ts'
import { systemClock } from '../state/clock.ts'
import { createRedisState } from '../state/redis/redis.ts'
import { INGRESS_SETTINGS } from './config.ts'
import { createIngress } from './ingress.ts'
import type { Route } from './route.ts'
import { ingressMetrics } from './metrics.ts'
import { stateMetrics } from './state-metrics.ts'
import { createRouteSink } from './routes/sink.ts'
import { createRouteTable } from './routes/table.ts'
import { createGuardedGet } from './verify/outbound/client.ts'
import { createOutbound } from './verify/outbound/outbound.ts'

await runProcess(process, async (stop) => {
  const config = readConfig(INGRESS_SETTINGS, process.env)
  const log = createLog({ level: config.logLevel, stream: process.stderr })
  const state = createRedisState({
    url: config.redis,
    prefix: config.redisPrefix,
    ...(config.installation === undefined ? {} : { installation: config.installation }),
    partitions: config.partitions,
    lapseMs: config.lapseSeconds * 1000,
    onError: (error) => log.warn({ err: error }, 'Shared state has a fault'),
  })
  const clock = systemClock
  const get = createGuardedGet({ clock, ...(config.certOrigins ? { origins: config.certOrigins } : {}) })
  const verifiers = createOutbound({ get, now: () => clock.now() })
  const table = createRouteTable({ partitions: config.partitions, verifiers })
  try {
    // Calls are taken only when every route is known: a 404 is a promise, too.
    const routes = await followArtefacts<Route>(config, {
      kind: 'route',
      sink: createRouteSink(table),
      onFault: (source, error) => log.error({ source, err: error }, 'Route is not taken'),
      onInterruption: (error) => log.warn({ err: error }, 'Routes can not be followed'),
      userAgent: 'hooklet-ingress',
      signal: stop,
    })
    // Unique among all that run: what a former process of the same pod held must lapse, not come back.
    const pod = `${hostname()}-${randomBytes(4).toString('hex')}`
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
    try {
      const { port } = await ingress.listen({ port: config.port, host: config.host })
      const health = await serveHealth({
        host: config.host,
        port: config.healthPort,
        ready: () => ingress.ready(),
      })
      const metrics = await serveMetrics({
        host: config.host,
        port: config.metricsPort,
        metrics: [
          ...processMetrics(process, { role: 'ingress', version: manifest.version }),
          ...ingressMetrics(ingress, table),
          ...stateMetrics(ingressState, clock),
        ],
      })
      log.info(
        { pod, port, healthPort: health.port, metricsPort: metrics?.port, routes: table.size },
        'Ingress listens',
      )
      await aborted(stop)
      log.info({ pod }, 'Ingress stops')
      await ingress.close({ deadlineMs: config.drainSeconds * 1000, acceptMs: config.acceptSeconds * 1000 })
      await health.close()
      await metrics?.close()
    } finally {
      await routes.close()
    }
  } finally {
    await state.close()
  }
})
