/** An operator process. Configured by the environment, see `config.ts`. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import manifest from '../package.json' with { type: 'json' }
import { NAMESPACE_MISSING } from '../artefacts/source.ts'
import { createApiServer } from '../kube/api-server.ts'
import { readConfig } from '../process/config.ts'
import { serveHealth } from '../process/health.ts'
import { aborted } from '../process/lifetime.ts'
import { createLog } from '../process/log.ts'
import { processMetrics, serveMetrics } from '../process/metrics.ts'
import { runProcess } from '../process/main.ts'
import { createExpressionPool } from '../runner/expression/pool.ts'
import { OPERATOR_SETTINGS } from './config.ts'
import { rememberChecks } from './control/checked.ts'
import { operatorMetrics } from './metrics.ts'
import { startOperator } from './operator.ts'
import { createToken } from './tokens/token.ts'

await runProcess(process, async (stop) => {
  const config = readConfig(OPERATOR_SETTINGS, process.env)
  const log = createLog({ level: config.logLevel, stream: process.stderr })
  const api = createApiServer({
    userAgent: `hooklet-operator/${manifest.version}`,
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }),
  })
  const namespace = config.namespace ?? api.namespace
  if (namespace === undefined) throw new Error(NAMESPACE_MISSING)
  const expressions = rememberChecks(createExpressionPool({ workers: config.expressionWorkers }))
  const identity = `${hostname()}-${newSuffix()}`
  const operator = startOperator({
    api,
    expressions,
    log,
    namespace,
    watchNamespaces: config.watchNamespaces,
    sharedGlobals: config.sharedGlobals,
    publicUrl: config.publicUrl,
    identity,
    parallelism: config.reconciles,
    newToken: () => createToken(randomBytes),
    newSuffix,
  })
  const health = await serveHealth({
    host: config.host,
    port: config.port,
    ready: () => Promise.resolve(!stop.aborted && operator.isReady()),
  })
  const metrics = await serveMetrics({
    host: config.host,
    port: config.metricsPort,
    metrics: [
      ...processMetrics(process, { role: 'operator', version: manifest.version }),
      ...operatorMetrics(operator),
    ],
  })
  log.info({ identity, namespace, healthPort: health.port, metricsPort: metrics?.port }, 'Operator follows')
  await aborted(stop)
  log.info({ identity }, 'Operator stops')
  await operator.stop()
  await health.close()
  await metrics?.close()
  await expressions.close()
  api.close()
})

function newSuffix(): string {
  return randomBytes(6).toString('hex')
}
