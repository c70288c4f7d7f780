/** The chart's alerts on Prometheus' own engine: when each fires, and when it does not. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { stringify } from 'yaml'
import { promtool } from '../support/promtool.ts'
import { NAMESPACE, render, VALUE_SETS } from './render.ts'

jest.setTimeout(60_000)

interface Rule {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: Record<string, string>
}

let folder: string
let rules: Rule[]
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hooklet-rules-'))
  const found = (await render(VALUE_SETS['observed'] ?? '')).find(({ kind }) => kind === 'PrometheusRule')
  if (found === undefined) throw new Error('the chart renders no PrometheusRule')
  const { groups } = found.spec as unknown as { groups: { rules: Rule[] }[] }
  rules = groups.flatMap((group) => group.rules)
  writeFileSync(path.join(folder, 'rules.yaml'), stringify({ groups }))
})
afterAll(() => rmSync(folder, { recursive: true }))

/**
 * Samples by series, in Prometheus' notation: `0+3x20` begins at 0 and grows by 3 for 20 minutes, `_` is
 * none.
 */
type Series = Record<string, string>

interface Case {
  when: string
  series: Series
  /** After how many minutes it is looked at. */
  at: number
  fires: boolean
  /** More labels of the alert than its name and severity. */
  labels?: Record<string, string>
}

const absent = { labels: { namespace: NAMESPACE } }
const pods = (metric: string, first: string, second = first): Series => ({
  [`${metric}{pod="a"}`]: first,
  [`${metric}{pod="b"}`]: second,
})
const refusals = (reason: string, values: string): Series => ({
  [`hooklet_ingress_refusals_total{reason="${reason}",pod="a"}`]: values,
})
const answers = (served: string, failed: string): Series => ({
  'hooklet_ingress_answers_total{status="200"}': served,
  'hooklet_ingress_answers_total{status="504"}': failed,
})
const runs = (completed: string, failed: string): Series => ({
  'hooklet_runner_runs_total{result="completed"}': completed,
  'hooklet_runner_runs_total{result="failed"}': failed,
  'hooklet_runner_runs_total{result="parked"}': '0+900x60',
})
const reconciles = (failed: string): Series => ({
  'hooklet_operator_reconciles_total{kind="Webhook",result="failed"}': failed,
  'hooklet_operator_reconciles_total{kind="Webhook",result="done"}': '0+5x60',
})
const hands = (inHand: string): Series => ({
  ...pods('hooklet_runner_in_hand', inHand),
  ...pods('hooklet_runner_concurrency', '256x60'),
})
const lags = (first: string, second = first): Series => ({
  ...pods('nodejs_eventloop_lag_p99_seconds', first, second),
  'hooklet_build_info{process="ingress",version="1.0.0",pod="a"}': '1x60',
  'hooklet_build_info{process="ingress",version="1.0.0",pod="b"}': '1x60',
})
/** Redis goes away after ten minutes: pods leave the Service, so that nobody is left to count a 503. */
const outage: Series = {
  ...pods('hooklet_ingress_ready', '1x10 0x50'),
  ...pods('hooklet_state_up', '1x10 0x50'),
  ...refusals('StateUnavailable', '0x60'),
  ...answers('0+60x10 600x50', '0x60'),
}
/** A tenant's Webhook names a Secret that is not there, and its sender goes on. */
const typo: Series = {
  ...pods('hooklet_ingress_ready', '1x60'),
  ...pods('hooklet_state_up', '1x60'),
  ...refusals('RouteUnavailable', '0+30x60'),
  ...refusals('StateUnavailable', '0x60'),
  ...refusals('Backlogged', '0x60'),
  'hooklet_ingress_answers_total{status="503"}': '0+30x60',
  'hooklet_ingress_answers_total{status="200"}': '0+60x60',
  'hooklet_ingress_answers_total{status="504"}': '0x60',
}

const CASES: Record<string, Case[]> = {
  HookletIngressNotReady: [
    { when: 'Redis is away and no call is counted any more', series: outage, at: 13, fires: true },
    { when: 'no pod is there', series: {}, at: 5, fires: true, ...absent },
    {
      when: 'one of two is ready',
      series: pods('hooklet_ingress_ready', '1x60', '0x60'),
      at: 30,
      fires: false,
    },
    { when: 'a tenant has mistyped the name of a Secret', series: typo, at: 50, fires: false },
  ],
  HookletStateAway: [
    { when: 'Redis is away', series: outage, at: 13, fires: true },
    { when: 'Redis is there', series: outage, at: 9, fires: false },
    {
      when: 'one pod can not reach it',
      series: pods('hooklet_state_up', '1x60', '0x60'),
      at: 30,
      fires: false,
    },
    { when: 'a tenant has mistyped the name of a Secret', series: typo, at: 50, fires: false },
  ],
  HookletRefusesCalls: [
    {
      when: 'calls can not be stored',
      series: refusals('StateUnavailable', '0x5 1+9x20'),
      at: 12,
      fires: true,
    },
    { when: 'the queue is full', series: refusals('Backlogged', '0x5 1+9x20'), at: 12, fires: true },
    { when: 'a tenant has mistyped the name of a Secret', series: typo, at: 50, fires: false },
    { when: 'callers are over their rate', series: refusals('Throttled', '0+90x60'), at: 50, fires: false },
  ],
  HookletWebhookUnavailable: [
    { when: 'a tenant has mistyped the name of a Secret', series: typo, at: 30, fires: true },
    { when: 'calls can not be stored', series: refusals('StateUnavailable', '0+9x60'), at: 50, fires: false },
  ],
  HookletIngressPodNotReady: [
    {
      when: 'one has not been ready for long',
      series: pods('hooklet_ingress_ready', '1x60', '0x60'),
      at: 20,
      fires: true,
    },
    {
      when: 'one is new',
      series: pods('hooklet_ingress_ready', '1x60', '_x20 0x5 1x30'),
      at: 40,
      fires: false,
    },
  ],
  HookletConnectionsRunOut: [
    {
      when: 'one pod is nearly full',
      series: {
        ...pods('hooklet_ingress_connections', '100x30', '19500x30'),
        ...pods('hooklet_ingress_connections_max', '20000x30'),
      },
      at: 10,
      fires: true,
    },
    {
      when: 'both have half',
      series: {
        ...pods('hooklet_ingress_connections', '10000x30'),
        ...pods('hooklet_ingress_connections_max', '20000x30'),
      },
      at: 20,
      fires: false,
    },
  ],
  HookletFailsCalls: [
    { when: 'a tenth gets no reply', series: answers('0+90x60', '0+10x60'), at: 30, fires: true },
    { when: 'a hundredth gets none', series: answers('0+99x60', '0+1x60'), at: 30, fires: false },
    { when: 'nobody calls', series: answers('0x60', '0x60'), at: 30, fires: false },
  ],
  HookletBacklog: [
    {
      when: 'a partition fills',
      series: pods('hooklet_state_fullest_partition_ratio', '0+0.05x20'),
      at: 18,
      fires: true,
    },
    {
      when: 'a burst has been worked off',
      series: pods('hooklet_state_fullest_partition_ratio', '0x5 0.8x2 0x40'),
      at: 12,
      fires: false,
    },
  ],
  HookletEventsWait: [
    {
      when: 'the oldest event grows older',
      series: pods('hooklet_state_oldest_event_age_seconds', '0+60x30'),
      at: 20,
      fires: true,
    },
    {
      when: 'events are done in time',
      series: pods('hooklet_state_oldest_event_age_seconds', '90x30'),
      at: 20,
      fires: false,
    },
  ],
  HookletRunnersAbsent: [
    {
      when: 'all runners have crashed',
      series: pods('hooklet_runner_ready', '1x10 _x50'),
      at: 20,
      fires: true,
      ...absent,
    },
    { when: 'none is ready', series: pods('hooklet_runner_ready', '1x10 0x50'), at: 20, fires: true },
    { when: 'one is ready', series: pods('hooklet_runner_ready', '1x60', '0x60'), at: 20, fires: false },
  ],
  HookletRunnersAreFull: [
    { when: 'all hands are full', series: hands('250x60'), at: 20, fires: true },
    { when: 'half of them are', series: hands('128x60'), at: 20, fires: false },
  ],
  HookletRunsFailing: [
    { when: 'half of the runs fail', series: runs('0+10x60', '0+10x60'), at: 40, fires: true },
    { when: 'all of them do', series: runs('0x60', '0+2x60'), at: 40, fires: true },
    { when: 'one of a hundred does', series: runs('0+99x60', '0+1x60'), at: 40, fires: false },
    { when: 'there are none', series: runs('0x60', '0x60'), at: 40, fires: false },
  ],
  HookletDeadLetters: [
    {
      when: 'the first event ever is put aside',
      series: pods('hooklet_state_dead_letters_total', '0x10 1x50'),
      at: 15,
      fires: true,
    },
    {
      when: 'some were put aside long ago',
      series: pods('hooklet_state_dead_letters_total', '7x60'),
      at: 40,
      fires: false,
    },
  ],
  HookletHasNoLeader: [
    { when: 'none leads', series: pods('hooklet_operator_leader', '0x30'), at: 10, fires: true },
    { when: 'there is no operator', series: {}, at: 10, fires: true, ...absent },
    {
      when: 'the lead changes',
      series: pods('hooklet_operator_leader', '1x10 0x30', '0x11 1x30'),
      at: 20,
      fires: false,
    },
  ],
  HookletCanNotReconcile: [
    { when: 'one is tried again and again', series: reconciles('0+1x60'), at: 40, fires: true },
    { when: 'all are brought in line', series: reconciles('3x60'), at: 40, fires: false },
  ],
  HookletRoutesDiffer: [
    {
      when: 'one pod does not follow',
      series: pods('hooklet_ingress_routes', '10+1x30', '10x30'),
      at: 20,
      fires: true,
    },
    { when: 'both serve the same', series: pods('hooklet_ingress_routes', '10+1x30'), at: 20, fires: false },
  ],
  HookletEventLoopLags: [
    {
      when: 'one pod of the ingress is slow',
      series: lags('0.011x40', '0.4x40'),
      at: 20,
      fires: true,
      labels: { process: 'ingress' },
    },
    {
      when: 'it was slow while it started',
      series: lags('0.011x40', '1.5x5 0.011x35'),
      at: 20,
      fires: false,
    },
    {
      when: 'something else in the namespace is slow',
      series: { ...lags('0.011x40'), 'nodejs_eventloop_lag_p99_seconds{pod="other"}': '2x40' },
      at: 20,
      fires: false,
    },
  ],
}

/** In this namespace, as the ServiceMonitor has it. */
function placed(series: string): string {
  const labels = `namespace="${NAMESPACE}"`
  return series.includes('{') ? series.replace('{', `{${labels},`) : `${series}{${labels}}`
}

test('every alert has a case in which it fires, one in which it does not, and a runbook', () => {
  expect(rules.map(({ alert }) => alert)).toEqual(Object.keys(CASES))
  const page = readFileSync(path.join(import.meta.dirname, '../../docs/monitoring.md'), 'utf8')
  for (const [alert, cases] of Object.entries(CASES)) {
    expect([alert, new Set(cases.map(({ fires }) => fires))]).toEqual([alert, new Set([true, false])])
    expect(page).toContain(`\n### ${alert}\n`)
  }
  expect(page.match(/^### Hooklet\w+$/gm)?.map((line) => line.slice(4))).toEqual(Object.keys(CASES))
})

test('promtool has nothing to say about the rules', async () => {
  const { code, said } = await promtool([
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    path.join(folder, 'rules.yaml'),
  ])
  expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('SUCCESS') })
})

test.each(Object.entries(CASES).flatMap(([alert, cases]) => cases.map((one) => ({ alert, ...one }))))(
  '$alert, $when: $fires',
  async ({ alert, when, series, at, fires, labels }) => {
    const rule = rules.find((candidate) => candidate.alert === alert)
    const expected = { exp_labels: { ...rule?.labels, ...labels }, exp_annotations: rule?.annotations }
    const file = path.join(folder, `${alert}-${when.replaceAll(/\W/g, '-')}.yaml`)
    const unit = {
      rule_files: [path.join(folder, 'rules.yaml')],
      evaluation_interval: '1m',
      tests: [
        {
          name: when,
          interval: '1m',
          input_series: Object.entries(series).map(([name, values]) => ({ series: placed(name), values })),
          alert_rule_test: [{ eval_time: `${at}m`, alertname: alert, exp_alerts: fires ? [expected] : [] }],
        },
      ],
    }
    writeFileSync(file, stringify(unit))
    const { code, said } = await promtool(['test', 'rules', file])
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('SUCCESS') })
  },
)
