import { afterEach, describe, expect, test } from '@jest/globals'
import { Histogram } from 'prom-client'
import type { Metric } from 'prom-client'
import { createCounts } from '../../process/counts.ts'
import { counted, createRegistry, measured, serveMetrics, single } from '../../process/metrics.ts'
import type { SideServer } from '../../process/side-server.ts'
import { sampleLines, samplesIn, textOf } from '../support/metrics.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const ABOUT = { role: 'runner', version: '1.2.3' }

test('metrics are read when they are told', async () => {
  let calls = 1.5
  const metrics = [
    single('gauge', 'doors', { help: 'Doors that are open.', read: () => 2 }),
    measured('counter', 'calls_total', {
      help: 'Calls.',
      labels: ['status', 'from'],
      read: () => [
        { labels: { status: '200', from: 'a "b" \\ c\nd' }, value: calls },
        { labels: { status: '503', from: '' }, value: 0 },
      ],
    }),
  ]
  await textOf(metrics)
  calls = 7
  expect(await textOf(metrics)).toBe(`# HELP doors Doors that are open.
# TYPE doors gauge
doors 2

# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{status="200",from="a \\"b\\" \\\\ c\\nd"} 7
calls_total{status="503",from=""} 0
`)
})

test('what is no longer there is no longer told', async () => {
  const doors = ['front', 'back']
  const metric = measured('gauge', 'doors', {
    help: 'Doors.',
    labels: ['door'],
    read: () => doors.map((door) => ({ labels: { door }, value: 1 })),
  })
  expect(sampleLines(await textOf([metric]))).toEqual(['doors{door="front"} 1', 'doors{door="back"} 1'])
  doors.pop()
  expect(sampleLines(await textOf([metric]))).toEqual(['doors{door="front"} 1'])
})

test('what can not be read now is left out, and hides nothing', async () => {
  let away = false
  const read = (): Promise<number> => (away ? Promise.reject(new Error('away')) : Promise.resolve(5))
  const metrics = [
    single('gauge', 'far', { help: 'Far.', read }),
    single('counter', 'farther_total', { help: 'Farther.', read }),
    single('gauge', 'near', { help: 'Near.', read: () => 1 }),
  ]
  expect(sampleLines(await textOf(metrics))).toEqual(['far 5', 'farther_total 5', 'near 1'])
  away = true
  expect(sampleLines(await textOf(metrics))).toEqual(['near 1'])
})

test('counts are told from the start, and of their own names only', async () => {
  const counts = createCounts(['in', 'out'])
  counts.add('out')
  counts.add('elsewhere' as 'in')
  const metric = counted('doors_total', { help: 'Doors.', label: 'way', counts })
  expect(sampleLines(await textOf([metric]))).toEqual(['doors_total{way="in"} 0', 'doors_total{way="out"} 1'])
})

describe('a process', () => {
  const told = async () => samplesIn(await createRegistry(ABOUT, []).metrics())

  test('tells its role, time, memory, event loop, garbage collector and files', async () => {
    const samples = await told()
    expect(samples.get('hooklet_build_info{process="runner",version="1.2.3"}')).toBe(1)
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10e6)
    expect(samples.get('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6)
    expect(samples.get('nodejs_eventloop_active_seconds_total')).toBeGreaterThan(0)
    const names = [...samples.keys()].map((key) => key.replace(/\{.*/, ''))
    for (const name of ['process_cpu_seconds_total', 'process_open_fds', 'nodejs_eventloop_lag_p99_seconds'])
      expect(names).toContain(name)
  })

  test('walks no handles to be told', async () => {
    expect([...(await told()).keys()].filter((name) => name.includes('_active_'))).toEqual([
      'nodejs_eventloop_active_seconds_total',
    ])
  })

  test('has a registry of its own', async () => {
    const doors = single('gauge', 'doors', { help: 'Doors.', read: () => 1 })
    const other = createRegistry(ABOUT, [])
    expect(await createRegistry(ABOUT, [doors]).metrics()).toContain('\ndoors 1\n')
    expect(await other.metrics()).not.toContain('doors')
  })
})

describe('over HTTP', () => {
  let server: SideServer | undefined
  afterEach(() => server?.close())

  async function serve(...metrics: Metric[]): Promise<string> {
    server = await serveMetrics({ host: '127.0.0.1', port: 0, process: ABOUT, metrics })
    return `http://127.0.0.1:${server?.port}`
  }
  const ask = async (url: string, accept?: string): Promise<{ type: string | null; text: string }> => {
    const answer = await fetch(`${url}/metrics`, { headers: accept === undefined ? {} : { accept } })
    return { type: answer.headers.get('content-type'), text: await answer.text() }
  }

  test('are served under their path only', async () => {
    const url = await serve(single('gauge', 'doors', { help: 'Doors.', read: () => 3 }))
    const { type, text } = await ask(url)
    expect(type).toBe(TEXT)
    expect(text).toContain('\ndoors 3\n')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
  })

  test('are not served without a port', async () => {
    const nowhere = { host: '127.0.0.1', port: undefined }
    expect(await serveMetrics({ ...nowhere, process: ABOUT, metrics: [] })).toBeUndefined()
  })

  test.each([
    ['whatever there is', '*/*', TEXT],
    ['a page', 'text/html', TEXT],
    ['text', 'text/plain', TEXT],
    ['OpenMetrics', 'application/openmetrics-text', OPEN_METRICS],
    [
      'what Prometheus 2 does',
      'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      OPEN_METRICS,
    ],
    [
      'what Prometheus 3 does',
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      OPEN_METRICS,
    ],
  ])('who asks for %s gets it', async (_, accept, type) => {
    expect(await ask(await serve(), accept)).toMatchObject({ type })
  })

  test('OpenMetrics tells the same samples under the same names, however often and in whichever order', async () => {
    const counts = createCounts(['in', 'out'])
    const waits = new Histogram({ name: 'waits_seconds', help: 'Waits.', buckets: [0.1, 1], registers: [] })
    const url = await serve(counted('doors_total', { help: 'Doors.', label: 'way', counts }), waits)
    const own = (text: string) => sampleLines(text).filter((line) => /^(doors|waits)_/.test(line))
    for (let round = 1; round <= 3; round++) {
      counts.add('out')
      waits.observe(0.5)
      const [open, text] = await Promise.all([ask(url, OPEN_METRICS), ask(url, TEXT)])
      expect(own(text.text)).toEqual([
        'doors_total{way="in"} 0',
        `doors_total{way="out"} ${round}`,
        'waits_seconds_bucket{le="0.1"} 0',
        `waits_seconds_bucket{le="1"} ${round}`,
        `waits_seconds_bucket{le="+Inf"} ${round}`,
        `waits_seconds_sum ${round / 2}`,
        `waits_seconds_count ${round}`,
      ])
      expect(own(open.text)).toEqual(own(text.text))
      const names = ({ text: lines }: { text: string }) => [...samplesIn(lines).keys()].toSorted()
      expect(names(open)).toEqual(names(text))
      expect(open.text).toContain('\n# TYPE doors counter\n')
      expect(text.text).toContain('\n# TYPE doors_total counter\n')
      expect(open.text.endsWith('\n# EOF\n')).toBe(true)
    }
  })
})
