/** Releases on a real API server: what the chart finds there, and what an upgrade changes. Nothing runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { helm } from '../support/kubernetes/helm.ts'
import { CHART, NAMESPACE } from './render.ts'
import type { Rendered } from './render.ts'

jest.setTimeout(120_000)

let cluster: Cluster
let home: string
beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'hooklet-helm-'))
  cluster = await startCluster()
  await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }])
})
afterAll(async () => {
  await cluster?.close()
  await rm(home, { recursive: true, force: true })
})

interface Outcome {
  code: number
  stderr: string
}

/** Installs the release, or upgrades it to these values and no others. */
async function release(name: string, values: string[], namespace = NAMESPACE): Promise<Outcome> {
  const given = ['image.repository=registry.example.com/hooklet', ...values].flatMap((value) => [
    '--set',
    value,
  ])
  const place = ['--namespace', namespace, '--create-namespace']
  const env = { KUBECONFIG: cluster.kubeconfig, HOME: home }
  const { code, stderr } = await helm(['upgrade', '--install', name, CHART, ...place, ...given], { env })
  return { code, stderr }
}

const fine = { code: 0, stderr: '' }

async function get<Found = Rendered>(api: string, plural: string, name: string): Promise<Found | undefined> {
  const { status, body } = await cluster.request<Found>(
    'GET',
    `/${api}/namespaces/${NAMESPACE}/${plural}/${name}`,
  )
  return status === 200 ? body : undefined
}

interface Deployment extends Rendered {
  spec: { replicas: number; template: { metadata: { annotations: Record<string, string> } } }
}

async function deployment(process: string): Promise<Deployment> {
  const found = await get<Deployment>('apis/apps/v1', 'deployments', `hooklet-${process}`)
  if (!found) throw new Error(`there is no Deployment of ${process}`)
  return found
}

/** As an autoscaler does. */
async function scale(process: string, replicas: number): Promise<void> {
  const target = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/hooklet-${process}/scale`
  const contentType = 'application/merge-patch+json'
  const { status } = await cluster.request('PATCH', target, { body: { spec: { replicas } }, contentType })
  expect(status).toBe(200)
}

const passwordOf = async (): Promise<string | undefined> =>
  (await get<{ data: Record<string, string> }>('api/v1', 'secrets', 'hooklet-redis'))?.data['password']

describe('a release', () => {
  beforeAll(async () => {
    expect(await release('hooklet', [])).toEqual(fine)
  })

  test('keeps the embedded Redis, and its password, until it is drained', async () => {
    const password = await passwordOf()
    expect(password).toMatch(/^\S{40,}$/)
    const external = ['redis.url=redis://:secret@redis.example.com:6379']
    const redis = (): Promise<Rendered | undefined> => get('apis/apps/v1', 'statefulsets', 'hooklet-redis')
    const drain = (): Promise<Rendered | undefined> =>
      get('apis/apps/v1', 'deployments', 'hooklet-runner-drain')
    expect(await release('hooklet', [...external, 'redis.embedded.drain=true'])).toEqual(fine)
    expect((await redis())?.metadata).toMatchObject({ generation: 1 })
    expect(await passwordOf()).toBe(password)
    expect(await drain()).toBeDefined()

    expect(await release('hooklet', external)).toEqual(fine)
    expect([await redis(), await drain()]).toEqual([undefined, undefined])
  })

  test('takes up what has changed in a Secret, and nothing that has not', async () => {
    const secret = (url: string): object => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'shared-redis', namespace: NAMESPACE },
      stringData: { url },
    })
    const mark = async (): Promise<string | undefined> => {
      expect(await release('hooklet', ['redis.existingSecret.name=shared-redis'])).toEqual(fine)
      return (await deployment('runner')).spec.template.metadata.annotations['hooklet.dev/redis']
    }
    await cluster.apply([secret('redis://:first@redis:6379')])
    const first = await mark()
    expect(first).toMatch(/^[0-9a-f]{16}$/)
    expect(await mark()).toBe(first)
    await cluster.apply([secret('redis://:second@redis:6379')])
    expect(await mark()).not.toBe(first)
  })

  test('that autoscaling is switched on for keeps its pods', async () => {
    expect(await release('hooklet', [])).toEqual(fine)
    const scaled = ['ingress.autoscaling.enabled=true', 'runner.autoscaling.enabled=true']
    expect((await deployment('ingress')).spec.replicas).toBe(2)
    await scale('ingress', 5)
    expect(await release('hooklet', scaled)).toEqual(fine)
    expect((await deployment('ingress')).spec.replicas).toBe(5)
    expect((await deployment('runner')).spec.replicas).toBe(2)
    await scale('ingress', 7)
    expect(await release('hooklet', [...scaled, 'logLevel=warn'])).toEqual(fine)
    expect((await deployment('ingress')).spec.replicas).toBe(7)
  })

  test('is the only one of its namespace', async () => {
    const { code, stderr } = await release('second', ['crds.enabled=false', 'commonLabels.team=other'])
    expect(code).not.toBe(0)
    expect(stderr).toContain(`the release hooklet of Hooklet lives in the namespace ${NAMESPACE} already`)
  })

  test('lets another be in another namespace, where it brings no CRDs', async () => {
    expect(await release('hooklet', ['crds.enabled=false', 'watchNamespaces={other}'], 'other')).toEqual(fine)
  })
})
