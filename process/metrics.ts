import type { SideServer } from './side-server.ts'
import { serveAside } from './side-server.ts'

/** Something that can be measured now. Names and units follow Prometheus: base units, `_total` for what only grows. */
export interface Metric {
  name: string
  /** One sentence. */
  help: string
  type: 'gauge' | 'counter'
  /** Its samples; a label's value may hold anything. */
  read(): Iterable<Sample>
}

export interface Sample {
  labels?: Record<string, string>
  value: number
}

/** A metric with one sample. */
export function single(
  type: Metric['type'],
  name: string,
  { help, read }: { help: string; read: () => number },
): Metric {
  return { name, help, type, read: () => [{ value: read() }] }
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
    single('gauge', 'process_start_time_seconds', {
      help: 'When the process was started, in seconds since 1970.',
      read: () => startedAt,
    }),
  ]
}

/** The text format of Prometheus, version 0.0.4. */
export function renderMetrics(metrics: Metric[]): string {
  return metrics
    .map(({ name, help, type, read }) => {
      const samples = [...read()].map(({ labels = {}, value }) => `${name}${renderLabels(labels)} ${value}\n`)
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.join('')}`
    })
    .join('')
}

function renderLabels(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Serves `GET /metrics` on a port of its own, which no caller of webhooks reaches; nothing when no port is given. */
export async function serveMetrics(options: {
  host?: string | undefined
  port: number | undefined
  metrics: Metric[]
}): Promise<SideServer | undefined> {
  const { host, port, metrics } = options
  if (port === undefined) return undefined
  return serveAside(
    (request, response) => {
      const found = request.url === '/metrics' && request.method === 'GET'
      response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
      response.end(found ? renderMetrics(metrics) : '')
    },
    { host, port },
  )
}
