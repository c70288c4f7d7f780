/** An operator process. Configured by the environment, see `config.ts`. */
import { randomBytes } from 'node:crypto'
import manifest from '../package.json' with { type: 'json' }
import { NAMESPACE_MISSING } from '../artefacts/source.ts'
import { createApiServer } from '../kube/api-server.ts'
import { readConfig } from '../process/config.ts'
import { createInstanceName } from '../process/instance-name.ts'
import { aborted } from '../process/lifetime.ts'
import { createLog } from '../process/log.ts'
import { runProcess } from '../process/main.ts'
import { serveObservers } from '../process/observers.ts'
import { createExpressionPool } from '../runner/expression/pool.ts'
import { OPERATOR_SETTINGS } from './config.ts'
import { rememberChecks } from './control/checked.ts'
import { operatorMetrics } from './metrics.ts'
import { startOperator } from './operator.ts'
import { createToken } from './tokens/token.ts'

await runProcess(process, async (stop) => {
  const config = readConfig(OPERATOR_SETTINGS, process.env)
  const log = createLog({ level: config.logLevel, stream: process.stderr })
  const identity = createInstanceName()
  // Whatever was opened is closed at the end, the last first, also when something else can't be opened.
  await using opened = new AsyncDisposableStack()

  const api = createApiServer({
    userAgent: `hooklet-operator/${manifest.version}`,
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }),
  })
  opened.defer(() => api.close())
  const namespace = config.namespace ?? api.namespace
  if (namespace === undefined) throw new Error(NAMESPACE_MISSING)
  const expressions = rememberChecks(createExpressionPool({ workers: config.expressionWorkers }))
  opened.defer(() => expressions.close())

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
    newSuffix: () => randomBytes(6).toString('hex'),
  })
  opened.defer(() => operator.stop())

  const observers = await serveObservers({
    config,
    ready: () => Promise.resolve(!stop.aborted && operator.isReady()),
    role: 'operator',
    version: manifest.version,
    metrics: operatorMetrics(operator),
  })
  opened.defer(() => observers.close())

  const { healthPort, metricsPort } = observers
  log.info({ identity, namespace, healthPort, metricsPort }, 'Operator follows')
  await aborted(stop)
  log.info({ identity }, 'Operator stops')
})
