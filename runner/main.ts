/**
 * A runner process: plans from an API server or a folder, state in Redis. Configured by the environment, see
 * `config.ts`.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import manifest from '../package.json' with { type: 'json' }
import type { ArtefactFollowing } from '../artefacts/artefact.ts'
import { followArtefacts } from '../artefacts/source.ts'
import { readConfig } from '../process/config.ts'
import { serveHealth } from '../process/health.ts'
import { aborted } from '../process/lifetime.ts'
import { createLog } from '../process/log.ts'
import { processMetrics, serveMetrics } from '../process/metrics.ts'
import { runProcess } from '../process/main.ts'
import { systemClock } from '../state/clock.ts'
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
  const state = createRedisState({
    url: config.redis,
    prefix: config.redisPrefix,
    ...(config.installation === undefined ? {} : { installation: config.installation }),
    partitions: config.partitions,
    lapseMs: config.lapseSeconds * 1000,
    onError: (error) => log.warn({ err: error }, 'Shared state has a fault'),
  })
  const plans = createPlanTable({
    read: (name) => artefacts.read(name),
    readFormer: (ref) => artefacts.readFormer(ref),
  })
  const expressions = createExpressionPool({ workers: config.expressionWorkers })
  let artefacts: ArtefactFollowing<Plan>
  try {
    // Events are read only when every plan is known: one without a plan would end without a run.
    artefacts = await followArtefacts<Plan>(config, {
      kind: 'plan',
      sink: plans,
      onFault: (source, error) => log.error({ source, err: error }, 'Plan is not taken'),
      onInterruption: (error) => log.warn({ err: error }, 'Plans can not be followed'),
      userAgent: 'hooklet-runner',
      signal: stop,
    })
    try {
      const consumer = `${hostname()}-${randomBytes(4).toString('hex')}`
      const runnerState = state.runner(consumer)
      const runner = createRunner({
        state: runnerState,
        plans,
        expressions,
        fetch,
        clock: systemClock,
        random: Math.random,
        log,
        runtime: { name: 'hooklet', version: manifest.version, metadata: { publicUrl: config.publicUrl } },
        concurrency: config.concurrency,
      })
      const ready = async (): Promise<boolean> => !stop.aborted && (await runnerState.ready())
      const health = await serveHealth({
        host: config.host,
        port: config.port,
        ready,
      })
      const metrics = await serveMetrics({
        host: config.host,
        port: config.metricsPort,
        metrics: [
          ...processMetrics(process, { role: 'runner', version: manifest.version }),
          ...runnerMetrics(runner, {
            plans,
            expressions,
            concurrency: config.concurrency,
            ready,
          }),
        ],
      })
      runner.start()
      log.info(
        { consumer, healthPort: health.port, metricsPort: metrics?.port, plans: plans.size },
        'Runner reads',
      )
      await aborted(stop)
      log.info({ consumer }, 'Runner stops')
      await runner.stop({ deadlineMs: config.drainSeconds * 1000 })
      await health.close()
      await metrics?.close()
    } finally {
      await artefacts.close()
    }
  } finally {
    await expressions.close()
    await state.close()
  }
})
