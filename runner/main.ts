/**
 * A runner process: plans from an API server or a folder, state in Redis. Configured by the environment, see
 * `config.ts`.
 */
import manifest from '../package.json' with { type: 'json' }
import type { ArtefactFollowing } from '../artefacts/artefact.ts'
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
import { RUNNER_SETTINGS } from './config.ts'
import { createExpressionPool } from './expression/pool.ts'
import { runnerMetrics } from './metrics.ts'
import type { Plan } from './plan.ts'
import { createPlanTable } from './plans/table.ts'
import { createRunner } from './runner.ts'

await runProcess(process, async (stop) => {
  const config = readConfig(RUNNER_SETTINGS, process.env)
  const log = createLog({ level: config.logLevel, stream: process.stderr })
  const consumer = createInstanceName()
  // Whatever was opened is closed at the end, the last first, also when something else can't be opened.
  await using opened = new AsyncDisposableStack()

  const state = createRedisState({
    ...stateOptions(config),
    onError: (error) => log.warn({ err: error }, 'Shared state has a fault'),
  })
  opened.defer(() => state.close())
  const expressions = createExpressionPool({ workers: config.expressionWorkers })
  opened.defer(() => expressions.close())

  const plans = createPlanTable({
    read: (name) => artefacts.read(name),
    readFormer: (ref) => artefacts.readFormer(ref),
  })
  // Events are read only when every plan is known: one without a plan would end without a run.
  const artefacts: ArtefactFollowing<Plan> = await followArtefacts<Plan>(config, {
    kind: 'plan',
    sink: plans,
    onFault: (source, error) => log.error({ source, err: error }, 'Plan is not taken'),
    onInterruption: (error) => log.warn({ err: error }, 'Plans can not be followed'),
    userAgent: 'hooklet-runner',
    signal: stop,
  })
  opened.defer(() => artefacts.close())

  const runnerState = state.runner(consumer)
  const runner = createRunner({
    state: runnerState,
    plans,
    expressions,
    fetch,
    clock,
    random: Math.random,
    log,
    runtime: { name: 'hooklet', version: manifest.version, metadata: { publicUrl: config.publicUrl } },
    concurrency: config.concurrency,
  })
  const ready = async (): Promise<boolean> => !stop.aborted && (await runnerState.ready())
  const observers = await serveObservers({
    config,
    ready,
    role: 'runner',
    version: manifest.version,
    metrics: runnerMetrics(runner, { plans, expressions, concurrency: config.concurrency, ready }),
  })
  opened.defer(() => observers.close())

  runner.start()
  const { healthPort, metricsPort } = observers
  log.info({ consumer, healthPort, metricsPort, plans: plans.size }, 'Runner reads')
  await aborted(stop)
  log.info({ consumer }, 'Runner stops')
  await runner.stop({ deadlineMs: config.drainSeconds * 1000 })
})
