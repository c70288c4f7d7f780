import type { Request, Response } from 'express'
import type { Metric, RegistryContentType } from 'prom-client'
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { Counts, Sample } from './counts.ts'
import type { SideServer } from './side-server.ts'
import { serveAside } from './side-server.ts'

/** How a metric is told. Names and units follow Prometheus: base units, `_total` for what only grows. */
export interface Told<Value> {
  /** One sentence. */
  help: string
  /** What the value is now. A rejection: it can't be had now, and is not told. */
  read(): Value | Promise<Value>
}

/** A metric with one sample, read when Prometheus asks; in no registry yet. */
export function single(type: 'gauge' | 'counter', name: string, { help, read }: Told<number>): Metric {
  return measured(type, name, { help, labels: [], read: async () => [{ value: await read() }] })
}

/**
 * A metric whose samples are read when Prometheus asks, so that whoever counts needs no more than an
 * addition; in no registry yet.
 */
export function measured(
  type: 'gauge' | 'counter',
  name: string,
  { help, labels, read }: Told<Iterable<Sample>> & { labels: readonly string[] },
): Metric {
  const about = { name, help, labelNames: labels, registers: [], collect }
  const metric = type === 'gauge' ? new Gauge(about) : new Counter(about)
  return metric

  async function collect(): Promise<void> {
    const samples = await told()
    metric.reset()
    // Without labels it would be told as 0.
    if (labels.length === 0) metric.remove()
    for (const { labels: of = {}, value } of samples)
      if (metric instanceof Gauge) metric.set(of, value)
      else metric.inc(of, value)
  }

  async function told(): Promise<Iterable<Sample>> {
    try {
      return await read()
    } catch {
      // What can't be told now must not hide the rest; that the state is away has a metric of its own.
      return []
    }
  }
}

/** The metric of {@link Counts}. */
export function counted<Name extends string>(
  name: string,
  { help, label, counts }: { help: string; label: string; counts: Counts<Name> },
): Metric {
  return measured('counter', name, { help, labels: [label], read: () => counts.samples(label) })
}

/**
 * Of the library's metrics of every process, those that walk all open handles at each reading, ten thousand
 * sockets among them, for numbers that are told under better names.
 */
const WALKING = ['handles', 'requests', 'resources'].flatMap((what) => [
  `nodejs_active_${what}`,
  `nodejs_active_${what}_total`,
])

/** Which process of the product it is. */
export interface About {
  role: string
  version: string
}

/**
 * What a process tells: what can be said of every process, from here on, and what its rooms measure. Once a
 * process: it watches the event loop and the garbage collector until the end.
 */
export function createRegistry(process: About, metrics: readonly Metric[]): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of WALKING) registry.removeSingleMetric(name)
  for (const metric of [...aboutProcess(process), ...metrics]) registry.registerMetric(metric)
  return registry
}

function aboutProcess({ role, version }: About): Metric[] {
  return [
    measured('gauge', 'hooklet_build_info', {
      help: 'Which process it is, and of which version; always 1.',
      labels: ['process', 'version'],
      read: () => [{ labels: { process: role, version }, value: 1 }],
    }),
    single('counter', 'nodejs_eventloop_active_seconds_total', {
      help: 'Time in which the process was at work, and not waiting, in seconds. Near 1 a second, everything in it waits in line.',
      read: () => performance.eventLoopUtilization().active / 1000,
    }),
  ]
}

/**
 * Serves `GET /metrics` on a port of its own, which no caller of webhooks reaches; nothing when no port is
 * given. The text is Prometheus' own, or OpenMetrics for who prefers it.
 */
export async function serveMetrics(options: {
  host?: string | undefined
  port: number | undefined
  process: About
  metrics: readonly Metric[]
}): Promise<SideServer | undefined> {
  const { host, port, process, metrics } = options
  if (port === undefined) return undefined
  const registry = createRegistry(process, metrics)
  const tell = async (request: Request, response: Response): Promise<void> => {
    const type = preferred(request)
    const told = type === OPEN_METRICS ? asOpenMetrics(registry) : registry
    response
      .vary('accept')
      .type(type)
      .send(await told.metrics())
  }
  return serveAside((router) => void router.get('/metrics', (request, response) => tell(request, response)), {
    host,
    port,
  })
}

const TEXT = Registry.PROMETHEUS_CONTENT_TYPE
const OPEN_METRICS = Registry.OPENMETRICS_CONTENT_TYPE
/** Prometheus asks for a way to write names that hold other characters than letters, digits and `_`; none does. */
const ESCAPING = '; escaping=allow-utf-8'

function preferred(request: Request): RegistryContentType {
  const wanted = request.accepts([TEXT + ESCAPING, OPEN_METRICS + ESCAPING])
  return wanted === OPEN_METRICS + ESCAPING ? OPEN_METRICS : TEXT
}

/**
 * The same metrics for the other format. The library takes the `_total` off a counter's name for good when it
 * writes OpenMetrics: it gets objects that inherit from the metrics, and have names of their own.
 */
function asOpenMetrics(registry: Registry): Registry<typeof OPEN_METRICS> {
  const open = new Registry<typeof OPEN_METRICS>()
  open.setContentType(OPEN_METRICS)
  for (const { name } of registry.getMetricsAsArray()) {
    const metric = registry.getSingleMetric(name)
    if (metric !== undefined) open.registerMetric(Object.create(metric) as Metric)
  }
  return open
}
