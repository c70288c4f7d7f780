/**
 * A real API server takes every object that the chart makes, and pods that the restricted Pod Security
 * Standard allows.
 */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { stringify } from 'yaml'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { readForeignDefinitions } from '../support/kubernetes/helm.ts'
import { NAMESPACE, render, VALUE_SETS } from './render.ts'
import type { Rendered } from './render.ts'

jest.setTimeout(60_000)

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(await readForeignDefinitions())
  const labels = Object.fromEntries(
    ['enforce', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
  )
  await cluster.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  ])
})
afterAll(() => cluster?.close())

async function dryRun(objects: Rendered[]): Promise<{ code: number; applied: number; said: string }> {
  const input = objects.map((object) => stringify(object)).join('---\n')
  const { code, stdout, stderr } = await cluster.kubectl(
    ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'],
    { input },
  )
  return { code, applied: stdout.trim().split('\n').length, said: stderr }
}

interface Deployment {
  spec: { template: { spec: { securityContext: { runAsNonRoot: boolean } } } }
}

describe.each(Object.keys(VALUE_SETS))('values %s', (name) => {
  test('every object is taken, without a warning', async () => {
    const objects = await render(VALUE_SETS[name] ?? '')
    expect(await dryRun(objects)).toEqual({ code: 0, applied: objects.length, said: '' })
  })
})

test('a pod that is not restricted would have been told of', async () => {
  const objects = await render()
  const pods = objects.filter(({ kind }) => kind === 'Deployment') as (Rendered & Deployment)[]
  for (const { spec } of pods) spec.template.spec.securityContext.runAsNonRoot = false
  const { said } = await dryRun(pods)
  expect(said).toContain('would violate PodSecurity "restricted')
})
