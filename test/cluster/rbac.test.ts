/**
 * Each process may do what it needs and no more. That it can live with that is shown by the tests that run
 * processes: all under these roles.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { API_VERSION } from '../../crds/contract.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { readRules, rolesOf } from '../support/kubernetes/roles.ts'
import type { ProcessName, Rule } from '../support/kubernetes/roles.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
})
afterAll(() => cluster?.close())

/** The rights of a token in a namespace, each verb on each resource as one line. */
async function rights(token: string, namespace: string): Promise<string[]> {
  const { body } = await cluster.request<{ status: { resourceRules: Rule[]; incomplete: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
    {
      token,
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectRulesReview',
        spec: { namespace },
      },
    },
  )
  expect(body.status.incomplete).toBe(false)
  return flat(body.status.resourceRules)
}

const flat = (rules: Rule[]): string[] =>
  rules
    .flatMap(({ apiGroups, resources, verbs, resourceNames = ['*'] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => resourceNames.map((name) => `${verb} ${resource}.${group} ${name}`)),
        ),
      ),
    )
    .toSorted()

interface Site {
  system: string
  tenants: string[]
  unwatched: string
  /** What any ServiceAccount may do, such as asking for its own rights. */
  anyone: string
  tokens: Record<ProcessName, string>
}

async function install(watched: 'all' | 'one' | 'several'): Promise<Site> {
  const system = await cluster.namespace('system')
  const tenants = [await cluster.namespace('tenant'), await cluster.namespace('tenant')]
  const unwatched = await cluster.namespace('unwatched')
  const chosen = watched === 'one' ? tenants.slice(0, 1) : tenants
  await cluster.apply(rolesOf({ system, watched: watched === 'all' ? 'all' : chosen }))
  return {
    system,
    tenants,
    unwatched,
    anyone: await cluster.tokenOf(system, 'nobody'),
    tokens: {
      operator: await cluster.tokenOf(system, 'operator'),
      ingress: await cluster.tokenOf(system, 'ingress'),
      runner: await cluster.tokenOf(system, 'runner'),
    },
  }
}

async function beyondAnyone(site: Site, name: ProcessName, namespace: string): Promise<string[]> {
  const common = new Set(await rights(site.anyone, namespace))
  return (await rights(site.tokens[name], namespace)).filter((line) => !common.has(line))
}

describe.each(['one', 'several', 'all'] as const)('the operator watches %s', (watched) => {
  let site: Site
  beforeAll(async () => {
    site = await install(watched)
  })

  test('ingress and runner may list and watch Secrets in its namespace, and nothing anywhere else', async () => {
    for (const name of ['ingress', 'runner'] as const) {
      expect(await beyondAnyone(site, name, site.system)).toEqual(['list secrets. *', 'watch secrets. *'])
      for (const namespace of [...site.tenants, site.unwatched])
        expect(await beyondAnyone(site, name, namespace)).toEqual([])
    }
  })

  test('the operator has its rules where it watches, and those of its own namespace there', async () => {
    const everywhere = watched === 'all' ? flat(readRules('operator')) : []
    const watching = flat(readRules('operator'))
    const inSystem = new Set([...flat(readRules('operator-system')), ...everywhere])
    expect(new Set(await beyondAnyone(site, 'operator', site.system))).toEqual(inSystem)
    expect(await beyondAnyone(site, 'operator', site.tenants[0] ?? '')).toEqual(watching)
    const second = watched === 'one' ? [] : watching
    expect(await beyondAnyone(site, 'operator', site.tenants[1] ?? '')).toEqual(second)
    expect(await beyondAnyone(site, 'operator', site.unwatched)).toEqual(everywhere)
  })
})

describe('requests that are refused', () => {
  let site: Site
  beforeAll(async () => {
    site = await install('all')
    await cluster.apply([
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'there', namespace: site.system } },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'there', namespace: site.tenants[0] } },
      { apiVersion: API_VERSION, kind: 'Webhook', metadata: { name: 'there', namespace: site.tenants[0] } },
    ])
  })
  const everyProcess: [string, string][] = [
    ['GET', '/api/v1/namespaces/TENANT/pods'],
    ['GET', '/api/v1/nodes'],
    ['GET', '/api/v1/namespaces'],
    ['POST', '/api/v1/namespaces/TENANT/pods'],
    ['POST', '/api/v1/namespaces/SYSTEM/serviceaccounts/operator/token'],
    ['POST', '/apis/batch/v1/namespaces/TENANT/jobs'],
    ['POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/SYSTEM/rolebindings'],
    ['POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'],
    ['DELETE', '/api/v1/namespaces/TENANT/secrets/there'],
    ['DELETE', `/apis/${API_VERSION}/namespaces/TENANT/webhooks/there`],
    ['DELETE', `/apis/${API_VERSION}/namespaces/TENANT/workflows`],
    ['POST', `/apis/${API_VERSION}/namespaces/TENANT/webhooks`],
    ['POST', '/api/v1/namespaces/TENANT/configmaps'],
  ]
  const dataPlane: [string, string][] = [
    ...everyProcess,
    ['GET', '/api/v1/namespaces/SYSTEM/secrets/there'],
    ['POST', '/api/v1/namespaces/SYSTEM/secrets'],
    ['PATCH', '/api/v1/namespaces/SYSTEM/secrets/there'],
    ['DELETE', '/api/v1/namespaces/SYSTEM/secrets/there'],
    ['GET', '/api/v1/namespaces/TENANT/secrets'],
    ['GET', '/api/v1/namespaces/TENANT/secrets/there'],
    ['GET', '/api/v1/secrets'],
    ['GET', '/api/v1/namespaces/SYSTEM/configmaps'],
    ['GET', '/api/v1/namespaces/TENANT/configmaps'],
    ['GET', `/apis/${API_VERSION}/webhooks`],
    ['GET', '/apis/coordination.k8s.io/v1/namespaces/SYSTEM/leases'],
  ]
  test.each([
    ...everyProcess.map((request) => ['operator', ...request] as const),
    ...dataPlane.map((request) => ['ingress', ...request] as const),
    ...dataPlane.map((request) => ['runner', ...request] as const),
  ])('%s: %s %s', async (name, method, path) => {
    const target = path.replace('SYSTEM', site.system).replace('TENANT', site.tenants[0] ?? '')
    const { status } = await cluster.request(method, target, {
      token: site.tokens[name],
      ...(['POST', 'PATCH'].includes(method) ? { body: { metadata: { name: 'made' } } } : {}),
      ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
    })
    expect(status).toBe(403)
  })
})
