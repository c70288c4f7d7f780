/**
 * Operator, ingress and runner in one process over a folder of manifests: what `hooklet dev` starts, and what
 * tests start to apply and call the examples.
 */
import { createHash, randomBytes } from 'node:crypto'
import path from 'node:path'
import { createIngress } from '../../ingress/ingress.ts'
import { createRouteTable } from '../../ingress/routes/table.ts'
import { createGuardedGet } from '../../ingress/verify/outbound/client.ts'
import type { OriginMap } from '../../ingress/verify/outbound/origins.ts'
import { createOutbound } from '../../ingress/verify/outbound/outbound.ts'
import { createToken } from '../../operator/tokens/token.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { createPlanTable } from '../../runner/plans/table.ts'
import { createRunner } from '../../runner/runner.ts'
import { systemClock } from '../../state/clock.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import type { RedisState } from '../../state/redis/redis.ts'
import { createAdmission } from '../admission/admission.ts'
import type { Logger } from '../../process/log.ts'
import type { PlacedFault } from '../manifests/document.ts'
import { createManifestStore } from '../manifests/store.ts'
import { watchManifests } from '../manifests/watch.ts'
import { VERSION } from '../version.ts'
import { createPublisher } from './publish.ts'
import type { Row } from './table.ts'
import { createTokenStore } from './tokens.ts'

export interface DevOptions {
  /** The folder (or single file) of manifests. */
  root: string
  host: string
  /** 0 takes a free port. */
  port: number
  /** What callers see in front of `/webhooks/…`; by default the address that is listened on. */
  baseUrl?: string
  /** The namespace whose globals apply to all. */
  sharedGlobals?: string | undefined
  /** Addresses and networks of proxies whose X-Forwarded-For counts; none by default. */
  trustedProxies?: string[]
  /** Where the state is kept; in memory when absent. */
  redis?: string
  /** Where certificates and key sets of providers are fetched from instead. */
  certOrigins?: OriginMap
  /** Where the URL tokens are kept over restarts. */
  stateDir: string
  log: Logger
  /**
   * Told after the first reading of the folder and every one that changed something; the first is awaited by {@link startDev}.
   */
  onChange(report: DevReport): void
}

/** What is served after a reading of the folder. */
export interface DevReport {
  baseUrl: string
  rows: Row[]
  /** What is not taken as it stands, by file and line. */
  faults: PlacedFault[]
}

export interface DevServer {
  baseUrl: string
  /**
   * Stops taking calls, lets those in flight and their runs end for at most `deadlineMs`, and frees
   * everything.
   */
  stop(options: { deadlineMs: number }): Promise<void>
}

/**
 * Rejects when the folder can't be read or the port is taken; everything started by then is stopped again.
 */
export async function startDev(options: DevOptions): Promise<DevServer> {
  const { root, log, onChange } = options
  const clock = systemClock
  const started = new AsyncDisposableStack()
  // Unique among all that share the state.
  const process = `dev-${randomBytes(4).toString('hex')}`
  const state = options.redis === undefined ? createMemoryState({ clock }) : openRedis(options.redis, log)
  started.defer(() => state.close())
  const expressions = createExpressionPool()
  started.defer(() => expressions.close())

  try {
    const get = createGuardedGet({ clock, ...(options.certOrigins ? { origins: options.certOrigins } : {}) })
    const routes = createRouteTable({ verifiers: createOutbound({ get, now: () => clock.now() }) })
    const plans = createPlanTable()
    // Known once the port is; no route is served before.
    let publicUrl: string | undefined
    const ingress = createIngress({
      state: state.ingress(process),
      table: routes,
      clock,
      log,
      publicUrl: () => publicUrl,
      proxies: { networks: options.trustedProxies ?? [], header: 'X-Forwarded-For' },
    })
    const address = await ingress.listen({ port: options.port, host: options.host })
    const baseUrl = (options.baseUrl ?? `http://${urlHost(options.host)}:${address.port}`).replace(/\/+$/, '')
    publicUrl = baseUrl
    const runner = createRunner({
      state: state.runner(process),
      plans,
      expressions,
      fetch,
      clock,
      random: Math.random,
      log,
      runtime: { name: 'hooklet', version: VERSION, metadata: { publicUrl: baseUrl } },
    })
    let drainMs = 0
    started.defer(() => runner.stop({ deadlineMs: drainMs }))
    started.defer(() => ingress.close({ deadlineMs: drainMs }))

    const tokens = createTokenStore({
      file: tokensFile(options.stateDir, root),
      createToken: () => createToken(randomBytes),
      onUnsaved: (error) =>
        log.warn({ err: error }, 'URL tokens are not kept: URLs change with the next start'),
    })
    const store = createManifestStore({ root, admission: createAdmission(), now: () => clock.now() })
    const publish = createPublisher({
      expressions,
      routes,
      plans,
      tokens,
      baseUrl,
      sharedGlobals: options.sharedGlobals,
    })
    let isFirst = true
    const refresh = async (): Promise<void> => {
      const { objects, faults, changed } = await store.load()
      // The first is told of whatever there is: nothing, for example.
      if (!changed && !isFirst) return
      isFirst = false
      const published = await publish(objects)
      onChange({ baseUrl, rows: published.rows, faults: [...faults, ...published.findings] })
    }

    // In place before the first reading, so that no edit falls between the two.
    const watcher = await watchManifests(root, refresh, (error) =>
      log.error(
        { err: error },
        'The folder of manifests could not be read; what was served before is served on',
      ),
    )
    started.defer(() => watcher.close())
    await refresh()
    runner.start()
    return {
      baseUrl,
      async stop({ deadlineMs }) {
        drainMs = deadlineMs
        await started.disposeAsync()
      },
    }
  } catch (error) {
    await started.disposeAsync()
    throw error
  }
}

function openRedis(url: string, log: Logger): RedisState {
  return createRedisState({ url, onError: (error) => log.warn({ err: error }, 'Shared state has a fault') })
}

/** One file of tokens for each folder that was ever served. */
function tokensFile(stateDir: string, root: string): string {
  const folder = createHash('sha256').update(path.resolve(root)).digest('hex').slice(0, 16)
  return path.join(stateDir, `tokens-${folder}.json`)
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
