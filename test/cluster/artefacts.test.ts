/** Artefacts reach ingress and runner from a real API server, and stay when it is away. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { followArtefactSecrets } from '../../artefacts/cluster.ts'
import { CONTENT_HASH_ANNOTATION, encodeArtefact } from '../../artefacts/secret.ts'
import type { ArtefactFollowing, ArtefactRef } from '../../artefacts/artefact.ts'
import type { ArtefactKind, ArtefactSecret } from '../../artefacts/secret.ts'
import { createApiServer } from '../../kube/api-server.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'

interface Thing extends ArtefactRef {
  value: number
}

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
})
afterAll(() => cluster?.close())

let namespace: string
let held: Map<string, number>
let faults: string[]
let interruptions: number
let undo: (() => Promise<void> | void)[]
const watchers = new Set<() => void>()

beforeEach(async () => {
  namespace = await cluster.namespace('artefacts')
  held = new Map()
  faults = []
  interruptions = 0
  undo = []
})
afterEach(async () => {
  for (const step of undo.toReversed()) await step()
})

/** Resolves when it is so; the end of the test's time tells that it never was. */
function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!condition()) return
      watchers.delete(look)
      resolve()
    }
    watchers.add(look)
    look()
  })
}
const changed = (): void => {
  for (const look of watchers) look()
}

function secretOf(name: string, value: number, kind: ArtefactKind = 'route'): ArtefactSecret {
  const thing: Thing = { namespace: 'shop', name, uid: 'u', generation: value, value }
  return encodeArtefact(thing, { kind, namespace })
}

const put = (name: string, value: number, kind?: ArtefactKind): Promise<void> =>
  cluster.apply([secretOf(name, value, kind)])

async function remove(name: string): Promise<void> {
  await cluster.request(
    'DELETE',
    `/api/v1/namespaces/${namespace}/secrets/${secretOf(name, 0).metadata.name}`,
  )
}

async function follow(signal?: AbortSignal): Promise<ArtefactFollowing<Thing>> {
  const api = createApiServer({ kubeconfig: cluster.kubeconfig, userAgent: 'test' })
  undo.push(() => api.close())
  const following = await followArtefactSecrets<Thing>({
    api,
    namespace,
    kind: 'route',
    sink: {
      put({ name, value }) {
        if (value < 0) throw new TypeError('negative')
        held.set(name, value)
        changed()
      },
      remove({ name }) {
        held.delete(name)
        changed()
      },
    },
    onFault(secret, error) {
      faults.push(`${secret}: ${error.message}`)
      changed()
    },
    onInterruption() {
      interruptions += 1
      changed()
    },
    ...(signal === undefined ? {} : { signal }),
  })
  undo.push(() => following.close())
  return following
}

test('all pages of the first list are there before the sink counts as filled; other kinds and namespaces are not', async () => {
  const other = await cluster.namespace('other')
  const stranger = secretOf('stranger', 1)
  await cluster.apply([{ ...stranger, metadata: { ...stranger.metadata, namespace: other } }])
  await put('plan', 1, 'plan')
  const secrets = Array.from({ length: 1203 }, (_, index) => secretOf(`hook-${index}`, index))
  for (let start = 0; start < secrets.length; start += 100)
    await Promise.all(
      secrets
        .slice(start, start + 100)
        .map((body) => cluster.request('POST', `/api/v1/namespaces/${namespace}/secrets`, { body })),
    )
  await follow()
  expect(held.size).toBe(1203)
  expect(held.get('hook-1202')).toBe(1202)
  expect([held.has('plan'), held.has('stranger')]).toEqual([false, false])
})

test('changes arrive: new, changed, removed', async () => {
  await put('kept', 1)
  await follow()
  await put('new', 1)
  await until(() => held.has('new'))
  await put('new', 2)
  await until(() => held.get('new') === 2)
  await remove('new')
  await until(() => !held.has('new'))
  expect([...held]).toEqual([['kept', 1]])
})

test('one that can not be served, or was tampered with, is told once and the former version stays', async () => {
  await put('orders', 1)
  await follow()
  await put('orders', -1)
  await until(() => faults.length === 1)
  const tampered = secretOf('orders', 5)
  await cluster.apply([
    { ...tampered, metadata: { ...tampered.metadata, annotations: { [CONTENT_HASH_ANNOTATION]: 'x' } } },
  ])
  await until(() => faults.length === 2)
  // Something else of the Secret changes: nothing new is told.
  await cluster.request('PATCH', `/api/v1/namespaces/${namespace}/secrets/route.shop.orders`, {
    body: { metadata: { labels: { seen: 'true' } } },
    contentType: 'application/merge-patch+json',
  })
  await put('last', 1)
  await until(() => held.has('last'))
  expect(faults).toEqual([
    'route.shop.orders: negative',
    'route.shop.orders: was changed by someone else than the operator, which alone may write it',
  ])
  expect(held.get('orders')).toBe(1)
  await remove('orders')
  await until(() => !held.has('orders'))
})

test('everything stays while the API server is away, and what changed since comes when it is back', async () => {
  await put('changed', 1)
  await put('kept', 1)
  await put('removed', 1)
  await follow()
  await cluster.apiServer.kill()
  await until(() => interruptions > 0)
  expect(held.size).toBe(3)
  await cluster.apiServer.start()
  await put('changed', 2)
  await remove('removed')
  await until(() => held.get('changed') === 2 && !held.has('removed'))
  expect(held.get('kept')).toBe(1)
})

test('the sink counts as filled only when the API server has answered', async () => {
  await put('orders', 1)
  await cluster.apiServer.kill()
  const filled = follow()
  await until(() => interruptions > 2)
  expect(held.size).toBe(0)
  await cluster.apiServer.start()
  await filled
  expect(held.get('orders')).toBe(1)
})

test('the wait for it can be given up', async () => {
  const giveUp = new AbortController()
  await cluster.apiServer.kill()
  try {
    const filled = follow(giveUp.signal)
    await until(() => interruptions > 0)
    giveUp.abort()
    await expect(filled).rejects.toBe(giveUp.signal.reason)
  } finally {
    await cluster.apiServer.start()
  }
})

test('one is read as it is stored now, however late the watch; what is gone is undefined, an API server that is away an error', async () => {
  await put('a', 1)
  const following = await follow()
  const name = { namespace: 'shop', name: 'a' }
  await put('a', 2)
  expect(await following.read(name)).toMatchObject({ name: 'a', value: 2 })
  await remove('a')
  expect(await following.read(name)).toBeUndefined()
  await cluster.apiServer.kill()
  undo.push(() => cluster.apiServer.start())
  await expect(following.read(name)).rejects.toThrow()
})
