/** A runner that hears of changes late starts what was applied all the same. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { hook } from '../e2e/processes/fleet.ts'
import type { KubeObject } from '../support/kubernetes/cluster.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(120_000)

let site: Site
let way: TcpProxy
let namespace: string
beforeAll(async () => {
  site = await startSite({ runners: 0 })
  way = await startTcpProxy(Number(new URL(site.cluster.url).port))
  const token = await site.cluster.tokenOf(site.system, 'runner')
  const options = { server: `https://127.0.0.1:${way.port}`, namespace: site.system }
  await site.start('runner', { KUBECONFIG: await site.cluster.writeKubeconfig(token, options) })
  namespace = await site.cluster.namespace('shop')
})
afterAll(async () => {
  await site?.close()
  await way?.cut()
})

const answering = (name: string, body: string): object[] =>
  hook(name, { response: { mode: 'Reply' } }, [{ answer: { call: 'reply', with: { body } } }])

async function apply(objects: object[]): Promise<void> {
  await site.cluster.apply(
    (objects as KubeObject[]).map((object) => ({ ...object, metadata: { ...object.metadata, namespace } })),
  )
  const ready = ['wait', '--for=condition=Ready', 'webhooks,workflows', '--all', '--timeout=60s']
  const waited = await site.cluster.kubectl(['-n', namespace, ...ready])
  expect(waited).toMatchObject({ code: 0 })
}

/**
 * The first answer that is not that of an ingress which does not know the webhook yet, or still the route of
 * before.
 */
async function call(name: string, before?: string): Promise<string> {
  const path = `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/webhooks/${name}`
  for (;;) {
    const { body } = await site.cluster.request<{ status?: { url?: string } }>('GET', path)
    const response = await fetch(body.status?.url ?? '')
    const text = await response.text()
    if (response.status !== 404 && text !== before) return `${response.status} ${text}`
    await pause(20)
  }
}

test('an applied Workflow answers the first call, and an edited one by its edit, while the watch of the runner is dead', async () => {
  await apply(answering('known', 'first'))
  expect(await call('known')).toBe('200 first')
  way.silence()
  await apply(answering('unknown', 'made since'))
  expect(await call('unknown')).toBe('200 made since')
  await apply(answering('known', 'edited'))
  expect(await call('known', 'first')).toBe('200 edited')
})
