/**
 * What processes tell Prometheus, and that alerts, dashboard and autoscaler of the chart ask for nothing
 * else.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import type { Member } from '../support/member.ts'
import { sampleLines, samplesIn } from '../support/metrics.ts'
import { promtool } from '../support/promtool.ts'
import { says } from './installation.ts'
import { startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(60_000)

let site: Site
beforeAll(async () => {
  site = await startSite({ operators: 2, env: { HOOKLET_METRICS_PORT: '0' } })
})
afterAll(() => site?.close())

async function scrape(member: Member | undefined, accept = 'text/plain'): Promise<string> {
  const port = /"metricsPort":(\d+)/.exec(member?.log() ?? '')?.[1]
  return await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { accept } })).text()
}

const metricsOf = async (member: Member | undefined): Promise<Map<string, number>> =>
  samplesIn(await scrape(member))

test('routes, plans, leader, calls and their answers are counted', async () => {
  const namespace = await site.cluster.namespace('counted')
  const apiVersion = 'hooklet.dev/v1alpha1'
  await site.cluster.apply([
    {
      apiVersion,
      kind: 'Webhook',
      metadata: { name: 'slow', namespace },
      spec: { response: { mode: 'Reply' }, limits: { connections: 1 } },
    },
    {
      apiVersion,
      kind: 'Workflow',
      metadata: { name: 'slow', namespace },
      spec: {
        triggers: [{ webhook: 'slow' }],
        do: [{ sleep: { wait: { seconds: 2 } } }, { answer: { call: 'reply' } }],
      },
    },
  ])
  const resource = `/apis/${apiVersion}/namespaces/${namespace}/webhooks/slow`
  await says(site.cluster, resource, /^True/)
  const { body } = await site.cluster.request<{ status: { url: string } }>('GET', resource)
  const [ingress] = site.ingress
  while ((await metricsOf(ingress)).get('hooklet_ingress_routes') !== 1) await fetch(body.status.url)
  const before = await metricsOf(ingress)
  expect(before.get('hooklet_ingress_calls_in_flight')).toBe(0)

  const waiting = fetch(body.status.url)
  const under = async (): Promise<number | undefined> =>
    (await metricsOf(ingress)).get('hooklet_ingress_calls_in_flight')
  while ((await under()) !== 1);
  expect((await fetch(body.status.url)).status).toBe(429)
  expect((await waiting).status).toBe(200)
  while ((await under()) !== 0);
  const after = await metricsOf(ingress)
  expect(after.get('hooklet_ingress_answers_total{status="200"}')).toBe(1)
  expect(after.get('hooklet_ingress_answers_total{status="429"}')).toBe(1)

  const runner = await metricsOf(site.runners[0])
  expect(runner.get('hooklet_runner_plans')).toBe(1)
  expect(runner.get('hooklet_runner_concurrency')).toBe(320)
  const operators = await Promise.all(site.operators.map(metricsOf))
  const [leader, ...others] = operators.toSorted(
    (a, b) => Number(b.get('hooklet_operator_leader')) - Number(a.get('hooklet_operator_leader')),
  )
  expect(leader?.get('hooklet_operator_leader')).toBe(1)
  expect(others.map((other) => other.get('hooklet_operator_leader'))).toEqual([0])
  expect(leader?.get('hooklet_operator_queue')).toBe(0)
  expect(leader?.get('hooklet_operator_resources{kind="Webhook",ready="True"}')).toBe(1)
  expect(leader?.get('hooklet_operator_reconciles_total{kind="Workflow",result="done"}')).toBeGreaterThan(0)
  expect(others[0]?.get('hooklet_operator_reconciles_total{kind="Workflow",result="done"}')).toBe(0)
})

/** The type of each metric that processes tell, and which of them tell it. */
async function told(): Promise<Map<string, { type: string; process: string }>> {
  const members = { ingress: site.ingress[0], runner: site.runners[0], operator: site.operators[0] }
  const metrics = new Map<string, { type: string; processes: string[] }>()
  for (const [process, member] of Object.entries(members))
    for (const [, name = '', type = ''] of (await scrape(member)).matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
      const known = metrics.get(name)
      metrics.set(name, { type, processes: [...(known?.processes ?? []), process] })
    }
  return new Map(
    [...metrics].map(([name, { type, processes }]) => [
      name,
      { type, process: processes.length === 3 ? 'all' : processes.join(', ') },
    ]),
  )
}

test('promtool has nothing to say about what is told', async () => {
  for (const member of [site.ingress[0], site.runners[0], site.operators[0]])
    expect(await promtool(['check', 'metrics'], await scrape(member))).toEqual({ code: 0, said: '' })
})

test('Prometheus stores what is told in OpenMetrics, each sample of it', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hooklet-metrics-'))
  try {
    for (const [index, member] of [site.ingress[0], site.runners[0], site.operators[0]].entries()) {
      const text = await scrape(member, 'application/openmetrics-text')
      const file = path.join(folder, `${index}.txt`)
      // What is stored from a file needs times of its own.
      writeFileSync(file, text.replaceAll(/^[^#].*$/gm, '$& 1700000000'))
      const { code, said } = await promtool([
        'tsdb',
        'create-blocks-from',
        'openmetrics',
        file,
        path.join(folder, `${index}`),
      ])
      expect({ code, said }).toMatchObject({ code: 0 })
      const stored = /^\w{26} +\d+ +\d+ +\S+ +(\d+) /m.exec(said)?.[1]
      expect(Number(stored)).toBe(sampleLines(text).length)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the page lists what is told, with its type, by which process, and nothing else', async () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/monitoring.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([\w, ]+?) +\| (\S.*) \|$/gm)]
  const listed = new Map(rows.map(([, name, type, process]) => [name, { type, process }]))
  expect(listed).toEqual(await told())
})

test('the chart asks for nothing that no process tells', async () => {
  const chart = path.join(import.meta.dirname, '../../charts/hooklet')
  const files = readdirSync(chart, { recursive: true, encoding: 'utf8' })
  const asked = files
    .filter((file) => /^(templates|files)\/.*\.(yaml|json|tpl)$/.test(file))
    .flatMap(
      (file) =>
        readFileSync(path.join(chart, file), 'utf8').match(
          /\b(hooklet|process|nodejs)_[a-z0-9_]+_(?:total|seconds|bytes|info)\b|\bhooklet_(?:ingress|runner|operator|state)_[a-z_]+\b/g,
        ) ?? [],
    )
  const names = await told()
  expect(new Set(asked).size).toBeGreaterThan(8)
  const base = (name: string): string => name.replace(/_(bucket|sum|count)$/, '')
  expect([...new Set(asked)].filter((name) => !names.has(name) && !names.has(base(name)))).toEqual([])
})
