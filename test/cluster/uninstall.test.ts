/**
 * Before an uninstallation that takes the CRDs along, all that users made of them goes, with and without an
 * operator.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { FINALIZER } from '../../crds/contract.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { createApiServer } from '../../kube/api-server.ts'
import { removeAll } from '../../operator/uninstall/remove-all.ts'
import type { RemovalDeps } from '../../operator/uninstall/remove-all.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { readRules } from '../support/kubernetes/roles.ts'
import { artefacts, eventually, get, install, path, says, webhook, workflow } from './installation.ts'
import type { Reported } from './installation.ts'

jest.setTimeout(120_000)

let cluster: Cluster
let api: ApiServer
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
  // With the rights that the Job has, and no others.
  const namespace = await cluster.namespace('system')
  const metadata = { name: 'uninstall' }
  const token = await cluster.tokenOf(namespace, 'uninstall')
  await cluster.apply([
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata,
      rules: readRules('uninstall'),
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'uninstall' },
      subjects: [{ kind: 'ServiceAccount', name: 'uninstall', namespace }],
    },
  ])
  api = createApiServer({ kubeconfig: await cluster.writeKubeconfig(token), userAgent: 'test' })
})
afterAll(async () => {
  api?.close()
  await cluster?.close()
})

/** Removes all; the warnings that it logs. */
async function removed(options: Partial<RemovalDeps> = {}): Promise<string[]> {
  const warnings: string[] = []
  const ignore = (): void => undefined
  const log = {
    debug: ignore,
    info: ignore,
    warn: (_: object, message: string) => void warnings.push(message),
    error: ignore,
  }
  await removeAll({ api, log, pause: () => wait(20), patience: 3, ...options })
  return warnings
}

async function countOf(plural: string): Promise<number> {
  const { items } = await get<{ items: object[] }>(cluster, `/apis/hooklet.dev/v1alpha1/${plural}`)
  return items.length
}

/** A Webhook as an operator leaves it that is gone since. */
async function abandoned(namespace: string, name: string, finalizers: string[] = [FINALIZER]): Promise<void> {
  const object = webhook(namespace, name) as { metadata: object }
  await cluster.apply([{ ...object, metadata: { ...object.metadata, finalizers } }])
}

test('the operator takes every Webhook of every namespace out of service first', async () => {
  const [one, other] = [await cluster.namespace('one'), await cluster.namespace('other')]
  const site = await install(cluster, { watched: 'all' })
  try {
    await site.launch('operator')
    for (const namespace of [one, other])
      await cluster.apply([
        webhook(namespace, 'orders'),
        webhook(namespace, 'returns'),
        workflow(namespace, 'orders'),
      ])
    for (const namespace of [one, other]) await says(cluster, path.webhook(namespace, 'returns'), /^True/)
    // It is an operator's part, however long that takes.
    expect(await removed({ patience: Infinity })).toEqual([])
    expect([await countOf('webhooks'), await countOf('workflows')]).toEqual([0, 0])
    await eventually(async () => Object.keys(await artefacts(cluster, site.system)).length === 0 || undefined)
  } finally {
    await site.close()
  }
})

test('without an operator they are let go, and a warning says so', async () => {
  const namespace = await cluster.namespace('left')
  for (let n = 0; n < 5; n++) await abandoned(namespace, `hook-${n}`)
  expect(await removed({ pageSize: 2 })).toEqual([
    'No operator takes these Webhooks out of service; they are let go',
  ])
  expect(await countOf('webhooks')).toBe(0)
})

test('what somebody else keeps stays, and is named', async () => {
  const namespace = await cluster.namespace('kept')
  await abandoned(namespace, 'orders', [FINALIZER, 'example.com/audit'])
  await expect(removed()).rejects.toThrow(`1 Webhooks are kept by finalizers of others: ${namespace}/orders`)
  const { metadata } = await get<Reported>(cluster, path.webhook(namespace, 'orders'))
  expect(metadata.finalizers).toEqual(['example.com/audit'])
  await cluster.request('PATCH', path.webhook(namespace, 'orders'), {
    body: { metadata: { finalizers: null } },
    contentType: 'application/merge-patch+json',
  })
})

test('then the CRDs go without waiting, and without them there is nothing to do', async () => {
  await abandoned(await cluster.namespace('last'), 'orders')
  await removed()
  const { code, stderr } = await cluster.kubectl([
    'delete',
    'crd',
    'webhooks.hooklet.dev',
    'workflows.hooklet.dev',
    '--timeout=30s',
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(await removed()).toEqual([])
})
