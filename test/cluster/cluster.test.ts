/** The control plane that the tests of this folder stand on. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.close())

test('our CRDs are accepted and established', async () => {
  await cluster.apply(CRD_OBJECTS)
  const { code, stdout } = await cluster.kubectl(['get', 'crd', '-o', 'name'])
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toEqual([
    'customresourcedefinition.apiextensions.k8s.io/webhooks.hooklet.dev',
    'customresourcedefinition.apiextensions.k8s.io/workflows.hooklet.dev',
  ])
})

test("a ServiceAccount's token has its rights and no more", async () => {
  const namespace = await cluster.namespace('rights')
  const token = await cluster.tokenOf(namespace, 'reader')
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  expect((await cluster.request('GET', path, { token })).status).toBe(403)
  await cluster.apply([
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'reader', namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'reader', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace }],
    },
  ])
  expect((await cluster.request('GET', path, { token })).status).toBe(200)
  const kubeconfig = await cluster.writeKubeconfig(token, { namespace })
  expect(await cluster.kubectl(['get', 'configmaps'], { kubeconfig })).toMatchObject({ code: 0 })
  const refused = await cluster.kubectl(['get', 'secrets'], { kubeconfig })
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('forbidden') })
})

test('what is stored survives the API server', async () => {
  const namespace = await cluster.namespace('kept')
  await cluster.apiServer.kill()
  await expect(cluster.request('GET', '/readyz')).rejects.toThrow()
  await cluster.apiServer.start()
  expect((await cluster.request('GET', `/api/v1/namespaces/${namespace}`)).status).toBe(200)
})
