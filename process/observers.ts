import type { Metric } from 'prom-client'
import { serveHealth } from './health.ts'
import { serveMetrics } from './metrics.ts'

/** Who looks at a process from outside: Kubernetes at its probes, Prometheus at its metrics. */
export interface Observers {
  healthPort: number
  /** Undefined: no metrics are served. */
  metricsPort: number | undefined
  close(): Promise<void>
}

export interface ObserversOptions {
  /** Addresses as they are configured. */
  config: { host: string | undefined; healthPort: number; metricsPort: number | undefined }
  ready: () => Promise<boolean>
  role: string
  version: string
  /** Besides what can be said of every process. */
  metrics: Metric[]
}

/**
 * Serves both, metrics only where they have a port. Rejects, with nothing left open, when an address can't be
 * had.
 */
export async function serveObservers({
  config: { host, healthPort, metricsPort },
  ready,
  role,
  version,
  metrics: own,
}: ObserversOptions): Promise<Observers> {
  const health = await serveHealth({ host, port: healthPort, ready })
  try {
    const metrics = await serveMetrics({ host, port: metricsPort, process: { role, version }, metrics: own })
    return {
      healthPort: health.port,
      metricsPort: metrics?.port,
      async close() {
        await Promise.all([health.close(), metrics?.close()])
      },
    }
  } catch (error) {
    await health.close()
    throw error
  }
}
