import { expect, test } from '@jest/globals'
import { counted, createCounts, createHistogram } from '../../process/counts.ts'
import { processMetrics, renderMetrics, serveMetrics, single } from '../../process/metrics.ts'

test('metrics are rendered as Prometheus reads them', async () => {
  const text = await renderMetrics([
    single('gauge', 'doors', { help: 'Doors that are open.', read: () => 2 }),
    {
      name: 'calls_total',
      help: 'Calls.',
      type: 'counter',
      read: () => [
        { labels: { status: '200', from: 'a "b" \\ c\nd' }, value: 1.5 },
        { labels: { status: '503' }, value: 0 },
      ],
    },
  ])
  expect(text).toBe(`# HELP doors Doors that are open.
# TYPE doors gauge
doors 2
# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{status="200",from="a \\"b\\" \\\\ c\\nd"} 1.5
calls_total{status="503"} 0
`)
})

test('are served under their path only, and read at that time', async () => {
  let doors = 1
  const metrics = [single('gauge', 'doors', { help: 'Doors.', read: () => doors })]
  const server = await serveMetrics({ host: '127.0.0.1', port: 0, metrics })
  try {
    const url = `http://127.0.0.1:${server?.port}`
    doors = 3
    const answer = await fetch(`${url}/metrics`)
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await answer.text()).toContain('\ndoors 3\n')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
  } finally {
    await server?.close()
  }
})

test('are not served without a port', async () => {
  expect(await serveMetrics({ host: '127.0.0.1', port: undefined, metrics: [] })).toBeUndefined()
})

test('a process tells its role, time and memory', async () => {
  const text = await renderMetrics(processMetrics(process, { role: 'runner', version: '1.2.3' }))
  expect(text).toContain('hooklet_build_info{process="runner",version="1.2.3"} 1\n')
  const memory = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
  expect(memory).toBeGreaterThan(10e6)
})

test('what can not be read now is left out, and hides nothing', async () => {
  const away = (): Promise<number> => Promise.reject(new Error('away'))
  const text = await renderMetrics([
    single('gauge', 'far', { help: 'Far.', read: away }),
    single('gauge', 'near', { help: 'Near.', read: () => Promise.resolve(1) }),
  ])
  expect(text).toBe(`# HELP far Far.
# TYPE far gauge
# HELP near Near.
# TYPE near gauge
near 1
`)
})

test('counts are told from the start, and of their own names only', async () => {
  const counts = createCounts(['in', 'out'])
  counts.add('out')
  counts.add('elsewhere' as 'in')
  const metric = counted('doors_total', { help: 'Doors.', label: 'way', counts })
  expect(await renderMetrics([metric])).toBe(`# HELP doors_total Doors.
# TYPE doors_total counter
doors_total{way="in"} 0
doors_total{way="out"} 1
`)
})

test('a histogram counts each value in every bucket that holds it', async () => {
  const spread = createHistogram([0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7, -3]) spread.observe(value)
  const read = () => spread.samples({ way: 'in' })
  expect(await renderMetrics([{ name: 'waits_seconds', help: 'Waits.', type: 'histogram', read }]))
    .toBe(`# HELP waits_seconds Waits.
# TYPE waits_seconds histogram
waits_seconds_bucket{way="in",le="0.1"} 3
waits_seconds_bucket{way="in",le="1"} 4
waits_seconds_bucket{way="in",le="+Inf"} 5
waits_seconds_sum{way="in"} 7.65
waits_seconds_count{way="in"} 5
`)
})
