/**
 * What the chart makes of values. `UPDATE_GOLDEN=1 npm test -- test/charts` writes the golden files again.
 */
import { access, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { INGRESS_SETTINGS } from '../../ingress/config.ts'
import { OPERATOR_SETTINGS } from '../../operator/config.ts'
import type { Setting, Settings } from '../../process/config.ts'
import { readConfig } from '../../process/config.ts'
import { RUNNER_SETTINGS } from '../../runner/config.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { helm } from '../support/kubernetes/helm.ts'
import { CHART, render, template, VALUE_SETS } from './render.ts'
import type { Rendered } from './render.ts'

jest.setTimeout(60_000)

describe.each(Object.keys(VALUE_SETS))('values %s', (name) => {
  const values = VALUE_SETS[name] ?? ''

  test('helm lint has nothing to say', async () => {
    const { code, stdout } = await helm([
      'lint',
      '--strict',
      '--kube-version',
      '1.36.0',
      CHART,
      '--values',
      VALUE_SETS['default'] ?? '',
      '--values',
      values,
    ])
    expect({ code, faults: stdout.match(/\[(ERROR|WARNING)\].*/g) }).toEqual({ code: 0, faults: null })
  })

  test('are rendered as the golden file shows', async () => {
    const { code, stdout, stderr } = await template(values)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const file = path.join(import.meta.dirname, `golden/${name}.golden`)
    const now = `${await readFile(values, 'utf8')}-----\n${steady(stdout)}`
    if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, now)
    expect(now).toBe(await readFile(file, 'utf8'))
  })

  test('give each process a configuration that it can read', async () => {
    const found = await render(values)
    for (const [process, settings] of Object.entries({
      ingress: INGRESS_SETTINGS,
      runner: RUNNER_SETTINGS,
      operator: OPERATOR_SETTINGS,
    })) {
      const { env } = containerOf(found, process)
      const plain = Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'redis://from-a-secret']))
      const read = readConfig(settings satisfies Settings, plain)
      expect(Object.keys(read).length).toBeGreaterThan(0)
      // A variable with a name that no process reads would be a mistyped one.
      const known = new Set(Object.values(settings as Record<string, Setting<unknown>>).map(({ env }) => env))
      const ours = env.map(({ name }) => name).filter((name) => name.startsWith('HOOKLET_'))
      expect(ours.filter((name) => !known.has(name))).toEqual([])
    }
  })

  test('a pod has the time to drain that its process is given, and more', async () => {
    const found = await render(values)
    for (const process of ['ingress', 'runner']) {
      const { env, graceSeconds } = containerOf(found, process)
      const seconds = (name: string): number => Number(env.find((entry) => entry.name === name)?.value ?? 0)
      expect(graceSeconds).toBeGreaterThanOrEqual(
        seconds('HOOKLET_ACCEPT_SECONDS') + seconds('HOOKLET_DRAIN_SECONDS') + 5,
      )
    }
  })
})

test('every container runs a file that is there', async () => {
  const objects = await render('crds.keep=false', 'redis.url=redis://a', 'redis.embedded.drain=true')
  const ran = objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    .map(({ spec }) => (spec as { template: { spec: Pod } }).template.spec.containers[0].args[0])
  expect(ran).toHaveLength(5)
  for (const file of new Set(ran)) await access(path.join(import.meta.dirname, '../..', file))
})

/** Without our CRDs, which are held against their source below, and what is random. */
function steady(rendered: string): string {
  return rendered
    .split(/^(?=---\n)/m)
    .filter((document) => !document.includes('\nkind: CustomResourceDefinition\n'))
    .join('')
    .replaceAll(/^ {2}password: "\w{32}"$/gm, '  password: "32 random letters and digits"')
}

interface Pod {
  terminationGracePeriodSeconds: number
  containers: [Container]
}

interface Container {
  args: [file: string]
  env: { name: string; value?: string }[]
}

function containerOf(objects: Rendered[], process: string): Container & { graceSeconds: number } {
  const deployment = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === `hooklet-${process}`,
  ) as Rendered & { spec: { template: { spec: Pod } } }
  const { spec } = deployment.spec.template
  return { ...spec.containers[0], graceSeconds: spec.terminationGracePeriodSeconds }
}

const weightOf = ({ metadata }: Rendered): number => Number(metadata.annotations?.['helm.sh/hook-weight'])

describe('CRDs', () => {
  const definitions = async (...values: string[]): Promise<Rendered[]> =>
    (await render(...values)).filter(({ kind }) => kind === 'CustomResourceDefinition')

  test('are those of the source, and are kept', async () => {
    const found = await definitions()
    expect(found.map(({ spec }) => spec)).toEqual(CRD_OBJECTS.map((object) => (object as Rendered).spec))
    for (const { metadata } of found)
      expect(metadata).toMatchObject({ annotations: { 'helm.sh/resource-policy': 'keep' } })
  })

  test('take along what users made of them: it is deleted before anything else is', async () => {
    const hooks = async (...values: string[]): Promise<string[]> =>
      (await render(...values))
        .filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-delete')
        .toSorted((one, other) => weightOf(one) - weightOf(other))
        .map(({ kind }) => kind)
    const all = await hooks('crds.keep=false')
    expect(all.at(-1)).toBe('Job')
    expect(all.toSorted()).toEqual(['ClusterRole', 'ClusterRoleBinding', 'Job', 'ServiceAccount'])
    expect(await hooks('crds.keep=false', 'rbac.create=false')).toEqual(['ServiceAccount', 'Job'])
    for (const value of ['crds.keep=true', 'crds.enabled=false']) expect(await hooks(value)).toEqual([])
  })

  test('go with the release, or are left alone, when that is asked for', async () => {
    for (const { metadata } of await definitions('crds.keep=false'))
      expect(metadata).not.toHaveProperty('annotations')
    expect(await definitions('crds.enabled=false')).toEqual([])
  })
})

describe('refused', () => {
  test.each<[string[], string]>([
    [['ingress.replicas=two'], "at '/ingress/replicas': got string, want integer"],
    [['igress.replicas=2'], "additional properties 'igress' not allowed"],
    [['runner.keda.target=2'], "additional properties 'target' not allowed"],
    [['logLevel=loud'], "at '/logLevel': value must be one of 'debug', 'info', 'warn', 'error'"],
    [['redis.url=http://redis'], "at '/redis/url': 'http://redis' does not match pattern"],
    [['redis.embedded.maxmemory=lots'], "at '/redis/embedded/maxmemory'"],
    [['ingress.resources.cpu=1'], "additional properties 'cpu' not allowed"],
    [['redis.embedded.enabled=false'], 'Hooklet needs a Redis'],
    [['redis.url=redis://a', 'redis.existingSecret.name=b'], 'either redis.url or redis.existingSecret.name'],
    [['ingress.route.enabled=true'], 'needs at least one host'],
    [['ingress.httpRoute.enabled=true'], 'needs a Gateway'],
    [['ingress.autoscaling.enabled=true', 'ingress.autoscaling.targetInFlight=5'], 'needs metrics.enabled'],
    [['metrics.serviceMonitor.enabled=true'], 'needs metrics.enabled'],
    [['runner.keda.enabled=true', 'redis.url=redis://a'], 'needs runner.keda.redis'],
  ])('%j: %s', async (values, message) => {
    const { code, stderr } = await template(...values)
    expect(code).not.toBe(0)
    expect(stderr).toContain(message)
  })
})
