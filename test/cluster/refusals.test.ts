/**
 * What the operator says when an API server does not let it write or delete: a policy stands for quotas and
 * whatever else refuses.
 */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import {
  artefacts,
  eventually,
  get,
  gone,
  installLed,
  path,
  says,
  webhook,
  workflow,
  type Installation,
} from './installation.ts'

jest.setTimeout(90_000)

let cluster: Cluster
let site: Installation
let tenant: string
beforeAll(async () => {
  ;({ cluster, site } = await installLed({ watched: 'all' }))
})
afterAll(async () => {
  await site?.close()
  await cluster?.close()
})
beforeEach(async () => {
  tenant = await cluster.namespace('tenant')
})

const POLICY = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/refusal'
const BINDING = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/refusal'

interface Refusal {
  namespace: string
  group: string
  resource: string
  operations: string[]
  /** What is allowed, in CEL. */
  allowed: string
}

/** Refuses from when this resolves. Gives what ends it. */
async function refuse({
  namespace,
  group,
  resource,
  operations,
  allowed,
}: Refusal): Promise<() => Promise<void>> {
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: 'refusal' } }
  const matchResources = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
  }
  await cluster.apply([
    {
      ...api,
      kind: 'ValidatingAdmissionPolicy',
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [group], apiVersions: ['*'], operations, resources: [resource] }],
        },
        validations: [{ expression: allowed, message: 'the house says no', reason: 'Forbidden' }],
      },
    },
    {
      ...api,
      kind: 'ValidatingAdmissionPolicyBinding',
      spec: { policyName: 'refusal', validationActions: ['Deny'], matchResources },
    },
  ])
  return async () => {
    await cluster.request('DELETE', BINDING)
    await cluster.request('DELETE', POLICY)
  }
}

/** Policies hold some time after they are made: tries until one is refused. */
async function refused(attempt: object, target: string): Promise<void> {
  await eventually(async () => {
    const { status } = await cluster.request('POST', target, { body: attempt })
    if (status === 403) return true
    return undefined
  })
}

const artefact = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: site.system },
})

const warnings = async (): Promise<string[]> => {
  const { items } = await get<{ items: { type: string; reason: string; regarding: { kind: string } }[] }>(
    cluster,
    path.events(tenant),
  )
  return items
    .filter(({ type }) => type === 'Warning')
    .map(({ regarding, reason }) => `${regarding.kind} ${reason}`)
    .toSorted()
}

test('what may not be published says so in condition and Event, and goes on when it may', async () => {
  const end = await refuse({
    namespace: site.system,
    group: '',
    resource: 'secrets',
    operations: ['CREATE'],
    allowed: `!object.metadata.name.startsWith('route.') && !object.metadata.name.startsWith('plan.')`,
  })
  try {
    await refused(artefact('route.probe'), path.secret(site.system))
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    const said =
      /^False PublishRefused: metadata\.name.* in the namespace of the operator, was refused: .*the house says no\.$/
    await says(cluster, path.webhook(tenant, 'orders'), said)
    await says(cluster, path.workflow(tenant, 'ship'), said)
    await eventually(async () => ((await warnings()).length >= 2 ? true : undefined))
    expect(await warnings()).toEqual(['Webhook PublishRefused', 'Workflow PublishRefused'])
  } finally {
    await end()
  }
  await says(cluster, path.webhook(tenant, 'orders'), /^True Serving: Calls start ship/)
  await says(cluster, path.workflow(tenant, 'ship'), /^True/)
  expect(Object.keys(await artefacts(cluster, site.system))).toEqual(
    expect.arrayContaining([`route.${tenant}.orders`, `plan.${tenant}.ship`]),
  )
})

test('a Webhook whose Workflows may not go with it says what it waits for, and goes when they may', async () => {
  const kept = { apiVersion: 'hooklet.dev/v1alpha1', kind: 'Webhook' }
  await cluster.apply([
    {
      ...kept,
      metadata: {
        namespace: tenant,
        name: 'orders',
        annotations: { 'hooklet.dev/include-workflows': 'true' },
      },
      spec: {},
    },
    workflow(tenant, 'ship'),
  ])
  await says(cluster, path.workflow(tenant, 'ship'), /^True/)
  const end = await refuse({
    namespace: tenant,
    group: 'hooklet.dev',
    resource: 'workflows',
    operations: ['DELETE'],
    allowed: 'false',
  })
  try {
    await eventually(async () => {
      const { status } = await cluster.request('DELETE', `${path.workflow(tenant, 'ship')}?dryRun=All`)
      return status === 403 ? true : undefined
    })
    await cluster.request('DELETE', path.webhook(tenant, 'orders'))
    await says(
      cluster,
      path.webhook(tenant, 'orders'),
      /^False DeleteRefused: The Webhook can not go yet: the deletion of the Workflow ship was refused: .*the house says no\.$/,
    )
    await eventually(async () => ((await warnings()).length > 0 ? true : undefined))
    expect(await warnings()).toEqual(['Webhook DeleteRefused'])
    // Out of the data plane it is.
    expect(Object.keys(await artefacts(cluster, site.system))).not.toContain(`route.${tenant}.orders`)
  } finally {
    await end()
  }
  await gone(cluster, path.webhook(tenant, 'orders'))
  await gone(cluster, path.workflow(tenant, 'ship'))
})
