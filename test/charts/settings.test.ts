/**
 * What users change of the objects, beyond what the golden files show: their word is the last one, and
 * nothing is there twice.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { parseAllDocuments } from 'yaml'
import { helm } from '../support/kubernetes/helm.ts'
import { CHART, render, template, VALUE_SETS } from './render.ts'
import type { Rendered } from './render.ts'

jest.setTimeout(60_000)

const openshift = VALUE_SETS['openshift'] ?? ''
const production = VALUE_SETS['production'] ?? ''

interface Workload extends Rendered {
  spec: {
    replicas?: number
    template: {
      metadata: { labels: Record<string, string>; annotations: Record<string, string> }
      spec: {
        serviceAccountName: string
        imagePullSecrets?: object[]
        securityContext: Record<string, unknown>
        containers: [{ image: string; env: { name: string; value?: string }[] }]
        topologySpreadConstraints?: { matchLabelKeys?: string[] }[]
      }
    }
  }
}

function named(objects: Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name)
  if (!found) throw new Error(`there is no ${kind} ${name}`)
  return found
}

const workload = (objects: Rendered[], name: string): Workload =>
  named(objects, name === 'hooklet-redis' ? 'StatefulSet' : 'Deployment', name) as Workload

describe('variables and labels of the user', () => {
  test('replace ours, and are there once', async () => {
    const { env } = workload(await render(openshift), 'hooklet-ingress').spec.template.spec.containers[0]
    const names = env.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
    expect(env.find(({ name }) => name === 'HOOKLET_LOG_LEVEL')?.value).toBe('debug')
    // What refers to another variable stands behind it.
    expect(names.indexOf('REDIS_PASSWORD')).toBeLessThan(names.indexOf('HOOKLET_REDIS'))
  })

  test('label and annotate pods, but do not change what selects them', async () => {
    const { metadata, spec } = workload(await render(openshift), 'hooklet-ingress')
    const selected = {
      'app.kubernetes.io/name': 'hooklet',
      'app.kubernetes.io/instance': 'hooklet',
      'app.kubernetes.io/component': 'ingress',
    }
    expect(metadata.labels).toMatchObject({
      ...selected,
      team: 'platform',
      'app.kubernetes.io/part-of': 'shop',
    })
    expect(spec.template.metadata.labels).toMatchObject({ ...selected, team: 'edge' })
    expect(spec.template.metadata.annotations).toEqual({
      'kubectl.kubernetes.io/default-container': 'sidecar',
    })
    expect(metadata).toMatchObject({ annotations: { 'reloader.stakater.com/auto': 'true' } })
  })
})

test('origins of certificates are given as the process reads them', async () => {
  const { env } = workload(await render(openshift), 'hooklet-ingress').spec.template.spec.containers[0]
  expect(env.find(({ name }) => name === 'HOOKLET_CERT_ORIGINS')?.value).toBe(
    'https://issuer.internal=https://issuer.internal,https://s3.amazonaws.com=http://mirror.example.com:9000',
  )
})

test('all images come from the registry of the parent, with its Secrets and ours once', async () => {
  const objects = await render(openshift)
  const expected = {
    'hooklet-ingress': 'mirror.example.com/team/hooklet:0.1.0',
    'hooklet-redis': 'mirror.example.com/valkey/valkey:8.1',
  }
  for (const [name, image] of Object.entries(expected)) {
    const { spec } = workload(objects, name).spec.template
    expect(spec.containers[0].image).toBe(image)
    expect(spec.imagePullSecrets).toEqual([{ name: 'mirror' }, { name: 'registry' }])
  }
})

test('a platform that chooses users is left to do so', async () => {
  for (const name of ['hooklet-ingress', 'hooklet-redis']) {
    const { securityContext } = workload(await render(openshift), name).spec.template.spec
    for (const field of ['runAsUser', 'runAsGroup', 'fsGroup'])
      expect(securityContext).not.toHaveProperty(field)
    expect(securityContext['runAsNonRoot']).toBe(true)
  }
})

test('accounts have the names that are given, and those that exist are not made', async () => {
  const objects = await render(openshift)
  const subjects = (name: string): unknown => named(objects, 'RoleBinding', name)['subjects']
  for (const [process, account] of [
    ['ingress', 'hooklet-ingress'],
    ['runner', 'workflows'],
    ['operator', 'control'],
  ] as const) {
    expect(workload(objects, `hooklet-${process}`).spec.template.spec.serviceAccountName).toBe(account)
    expect(subjects(`hooklet-${process}`)).toMatchObject([{ name: account }])
  }
  const cluster = named(objects, 'ClusterRoleBinding', 'hooklet-system:hooklet-operator')
  expect(cluster['subjects']).toMatchObject([{ name: 'control' }])
  const made = objects.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name)
  expect(made.toSorted()).toEqual(['control', 'hooklet-ingress'])
})

test('names of objects of the whole cluster say which namespace and name they belong to', async () => {
  const namesOf = async (namespace: string, fullname: string): Promise<string[]> => {
    const values = ['--set', `fullnameOverride=${fullname}`, '--values', VALUE_SETS['default'] ?? '']
    const { stdout } = await helm(['template', 'one', CHART, '--namespace', namespace, ...values])
    return parseAllDocuments(stdout)
      .map((document) => document.toJS() as Rendered | null)
      .filter((object) => object?.kind === 'ClusterRole')
      .map((object) => object?.metadata.name ?? '')
  }
  const [first, second] = await Promise.all([namesOf('a-b', 'c'), namesOf('a', 'b-c')])
  expect(first.toSorted()).toEqual(['a-b:c-edit', 'a-b:c-operator'])
  expect(first.filter((name) => second.includes(name))).toEqual([])
})

test('new pods are spread among themselves, and not with those that they replace', async () => {
  for (const process of ['ingress', 'runner', 'operator']) {
    const { topologySpreadConstraints = [] } = workload(await render(), `hooklet-${process}`).spec.template
      .spec
    expect(topologySpreadConstraints.length).toBeGreaterThan(0)
    for (const { matchLabelKeys } of topologySpreadConstraints)
      expect(matchLabelKeys).toEqual(['pod-template-hash'])
  }
})

test('what is scaled by its load has no number of pods that would be set back', async () => {
  const objects = await render(production)
  for (const process of ['ingress', 'runner'])
    expect(workload(objects, `hooklet-${process}`).spec).not.toHaveProperty('replicas')
  expect(workload(objects, 'hooklet-operator').spec.replicas).toBe(2)
})

describe('the URL of Redis', () => {
  const versionOf = async (...values: string[]): Promise<string | undefined> =>
    workload(await render(...values), 'hooklet-runner').spec.template.metadata.annotations[
      'hooklet.dev/redis'
    ]

  test('is known by a mark on the pods that changes with it, and by whose release it is', async () => {
    const one = await versionOf('redis.url=redis://:secret@redis:6379')
    expect(one).toMatch(/^[0-9a-f]{16}$/)
    expect(await versionOf('redis.url=redis://:secret@redis:6379')).toBe(one)
    expect(await versionOf('redis.url=redis://:other@redis:6379')).not.toBe(one)
    const args = ['--values', VALUE_SETS['default'] ?? '', '--set', 'redis.url=redis://:secret@redis:6379']
    const { stdout } = await helm(['template', 'hooklet', CHART, '--namespace', 'elsewhere', ...args])
    expect(stdout).toContain('hooklet.dev/redis: ')
    expect(stdout).not.toContain(`hooklet.dev/redis: ${one}`)
  })

  test('in a Secret of the user leaves no mark when manifests are rendered away from the cluster', async () => {
    expect(await versionOf('redis.existingSecret={"name":"shared-redis"}')).toBeUndefined()
  })
})

describe('with an external Redis', () => {
  const external = 'redis.url=redis://:secret@redis:6379'

  test('there is no embedded one', async () => {
    const objects = await render(external)
    expect(objects.filter(({ kind }) => kind === 'StatefulSet')).toEqual([])
    expect(named(objects, 'Secret', 'hooklet-redis')['stringData']).toEqual({
      url: 'redis://:secret@redis:6379',
    })
  })

  test('the embedded one stays until it is drained, with its password and a runner for it', async () => {
    const objects = await render(external, 'redis.embedded.drain=true')
    const secret = named(objects, 'Secret', 'hooklet-redis')['stringData']
    expect(secret).toEqual({ url: 'redis://:secret@redis:6379', password: expect.stringMatching(/^\w{32}$/) })
    workload(objects, 'hooklet-redis')
    const redisOf = (name: string): unknown =>
      workload(objects, name).spec.template.spec.containers[0].env.find(
        ({ name }) => name === 'HOOKLET_REDIS',
      )
    const embedded = 'redis://:$(REDIS_PASSWORD)@hooklet-redis.hooklet-system.svc:6379'
    expect(redisOf('hooklet-runner-drain')).toEqual({ name: 'HOOKLET_REDIS', value: embedded })
    for (const name of ['hooklet-ingress', 'hooklet-runner'])
      expect(redisOf(name)).toMatchObject({
        valueFrom: { secretKeyRef: { name: 'hooklet-redis', key: 'url' } },
      })
    expect(workload(objects, 'hooklet-runner-drain').spec.template.metadata.labels).toMatchObject({
      'app.kubernetes.io/component': 'runner-drain',
    })
  })

  test('nothing is drained of a Redis that is in use', async () => {
    expect(await render('redis.embedded.drain=true')).toHaveLength((await render()).length)
  })
})

describe('an HTTPRoute', () => {
  const rules = async (...values: string[]): Promise<unknown> =>
    named(await render(VALUE_SETS['gateway'] ?? '', ...values), 'HTTPRoute', 'hooklet-ingress').spec?.[
      'rules'
    ]

  test('lets calls take longer than their callers wait', async () => {
    expect(await rules()).toMatchObject([{ timeouts: { request: '75s' } }])
  })

  test('says nothing of time to a Gateway that would not understand it', async () => {
    const [rule] = (await rules('ingress.httpRoute.requestTimeout=null')) as object[]
    expect(rule).not.toHaveProperty('timeouts')
  })
})

describe('the notes', () => {
  const notes = async (...args: string[]): Promise<string> => {
    const values = ['--values', VALUE_SETS['default'] ?? '', ...args]
    const { code, stdout, stderr } = await helm(['install', 'hooklet', CHART, '--dry-run=client', ...values])
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('Error') })
    return stdout.slice(stdout.indexOf('\nNOTES:'))
  }
  const proxied = ['--set', 'ingress.route.enabled=true,ingress.route.hosts={hooks.example.com}']

  test('warn of a proxy in front that is not trusted', async () => {
    expect(await notes(...proxied)).toContain('WARNING: ingress.trustedProxies is empty.')
    expect(await notes()).not.toContain('WARNING')
    expect(await notes(...proxied, '--set', 'ingress.trustedProxies={10.0.0.0/8}')).not.toContain('WARNING')
  })
})

describe('as part of another chart', () => {
  const parentValues = (enabled: boolean): string[] => [
    '--set',
    `hooklet.enabled=${enabled},hooklet.image.repository=team/hooklet,global.imageRegistry=mirror.example.com`,
  ]

  test('it is there on its condition, and takes the values for all parts', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-parent-'))
    try {
      await mkdir(path.join(folder, 'charts'))
      await cp(CHART, path.join(folder, 'charts/hooklet'), { recursive: true })
      const dependency = { name: 'hooklet', version: '0.1.0', condition: 'hooklet.enabled' }
      const about = { apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies: [dependency] }
      await writeFile(path.join(folder, 'Chart.yaml'), JSON.stringify(about))
      const of = (enabled: boolean): string[] => ['template', 'all', folder, ...parentValues(enabled)]
      const [on, off] = await Promise.all([helm(of(true)), helm(of(false))])
      expect(on.stderr).toBe('')
      expect(on.stdout).toContain('image: mirror.example.com/team/hooklet:0.1.0')
      expect(on.stdout).toContain('image: mirror.example.com/valkey/valkey:8.1')
      expect({ code: off.code, stdout: off.stdout.trim() }).toEqual({ code: 0, stdout: '' })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('refused', () => {
  test.each<[string[], string]>([
    [['image.repository='], 'image.repository is empty: name the image that you have built and pushed'],
    [['fullnameOverride=A_b'], "at '/fullnameOverride': 'A_b' does not match pattern"],
    [['nameOverride=-a'], "at '/nameOverride'"],
    [['ingress.trustedProxies=["nginx"]'], "at '/ingress/trustedProxies/0': 'nginx' does not match pattern"],
    [['ingress.trustedProxies=["10.0.0.0/8,192.0.2.1"]'], "at '/ingress/trustedProxies/0'"],
    [['ingress.forwardedHeader=X-Real-IP'], "at '/ingress/forwardedHeader'"],
    [['ingress.certOrigins={"https://a":"https://b/path"}'], "at '/ingress/certOrigins/https:~1~1a'"],
    [
      ['ingress.autoscaling={"enabled":true,"minReplicas":5,"maxReplicas":2}'],
      'ingress.autoscaling.minReplicas is above',
    ],
    [
      ['runner.autoscaling={"enabled":true,"minReplicas":5,"maxReplicas":2}'],
      'runner.autoscaling.minReplicas is above',
    ],
    [['runner.keda={"enabled":true,"minReplicas":21}'], 'runner.keda.minReplicas is above'],
    [['runner.serviceAccount.create=false'], 'name the account that is there in runner.serviceAccount.name'],
    [['runner.keda.minReplicas=0'], "at '/runner/keda/minReplicas': minimum: got 0, want 1"],
    [['ingress.rollingUpdate={"maxSurge":true}'], "at '/ingress/rollingUpdate/maxSurge'"],
    [['networkPolicy.dnsPorts=[]'], "at '/networkPolicy/dnsPorts'"],
    [['ingress.httpRoute.requestTimeout=soon'], "at '/ingress/httpRoute/requestTimeout'"],
  ])('%j: %s', async (values, message) => {
    const { code, stderr } = await template(...values)
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
  })
})
