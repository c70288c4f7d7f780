import { expect, test } from '@jest/globals'
import { processMetrics, renderMetrics, serveMetrics, single } from '../../process/metrics.ts'

test('metrics are rendered as Prometheus reads them', () => {
  const text = renderMetrics([
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

test('a process tells its role, time and memory', () => {
  const text = renderMetrics(processMetrics(process, { role: 'runner', version: '1.2.3' }))
  expect(text).toContain('hooklet_build_info{process="runner",version="1.2.3"} 1\n')
  const memory = Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
  expect(memory).toBeGreaterThan(10e6)
})
