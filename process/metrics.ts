import type { SideServer } from './side-server.ts'
import { serveAside } from './side-server.ts'

/**
 * Something that can be measured now. Names and units follow Prometheus: base units, `_total` for what only
 * grows.
 */
export interface Metric {
  name: string
  /** One sentence. */
  help: string
  type: 'gauge' | 'counter' | 'histogram'
  /**
   * Its samples; a label's value may hold anything. A rejection: they can't be had now, and none are told.
   */
  read(): Iterable<Sample> | Promise<Iterable<Sample>>
}

export interface Sample {
  /** Of a histogram: which of its numbers it is. */
  part?: '_bucket' | '_sum' | '_count'
  labels?: Record<string, string>
  value: number
}

/** A metric with one sample. */
export function single(
  type: 'gauge' | 'counter',
  name: string,
  { help, read }: { help: string; read: () => number | Promise<number> },
): Metric {
  return { name, help, type, read: async () => [{ value: await read() }] }
}

/** What can be said of every process. */
export function processMetrics(process: NodeJS.Process, about: { role: string; version: string }): Metric[] {
  const startedAt = Date.now() / 1000 - process.uptime()
  return [
    {
      name: 'hooklet_build_info',
      help: 'Which process it is, and of which version; always 1.',
      type: 'gauge',
      read: () => [{ labels: { process: about.role, version: about.version }, value: 1 }],
    },
    single('counter', 'process_cpu_seconds_total', {
      help: 'CPU time that the process has used, in seconds.',
      read: () => {
        const { user, system } = process.cpuUsage()
        return (user + system) / 1e6
      },
    }),
    single('gauge', 'process_resident_memory_bytes', {
      help: 'Memory that the process holds, in bytes.',
      read: () => process.memoryUsage.rss(),
    }),
    single('counter', 'nodejs_eventloop_active_seconds_total', {
      help: 'Time in which the process was at work, and not waiting, in seconds. Near 1 a second, everything in it waits in line.',
      read: () => performance.eventLoopUtilization().active / 1000,
    }),
    single('gauge', 'process_start_time_seconds', {
      help: 'When the process was started, in seconds since 1970.',
      read: () => startedAt,
    }),
  ]
}

/** The text format of Prometheus, version 0.0.4. */
export async function renderMetrics(metrics: Metric[]): Promise<string> {
  return (await Promise.all(metrics.map(renderMetric))).join('')
}

async function renderMetric({ name, help, type, read }: Metric): Promise<string> {
  const lines = [`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`]
  try {
    for (const { part = '', labels = {}, value } of await read())
      lines.push(`${name}${part}${renderLabels(labels)} ${value}\n`)
  } catch {
    // What can't be told now must not hide the rest; that the state is away has a metric of its own.
  }
  return lines.join('')
}

function renderLabels(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/**
 * Serves `GET /metrics` on a port of its own, which no caller of webhooks reaches; nothing when no port is
 * given.
 */
export async function serveMetrics(options: {
  host?: string | undefined
  port: number | undefined
  metrics: Metric[]
}): Promise<SideServer | undefined> {
  const { host, port, metrics } = options
  if (port === undefined) return undefined
  return serveAside(
    (router) => {
      router.get('/metrics', async (_, response) => {
        response.type('text/plain; version=0.0.4; charset=utf-8').send(await renderMetrics(metrics))
      })
    },
    { host, port },
  )
}
