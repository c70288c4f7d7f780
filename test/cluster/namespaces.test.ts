/**
 * The operator takes care of one namespace, of several or of all, with the rights for these and no others.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { hook } from '../e2e/processes/fleet.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { refusedIn, startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(60_000)

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
})
afterAll(() => cluster?.close())

let namespaces: string[]
let site: Site | undefined
beforeEach(async () => {
  namespaces = [
    await cluster.namespace('one'),
    await cluster.namespace('two'),
    await cluster.namespace('three'),
  ]
})
afterEach(async () => {
  await site?.close()
  site = undefined
})

const GLOBALS = { 'hooklet.dev/globals': 'true' }
const configMap = (namespace: string, data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'words', namespace, labels: GLOBALS },
  data,
})

const say = (namespace: string, expression: string): object[] =>
  hook('say', { response: { mode: 'Reply' } }, [
    { answer: { call: 'reply', with: { body: expression } } },
  ]).map((object) => ({ ...object, metadata: { name: 'say', namespace } }))

async function urlIn(namespace: string): Promise<string | undefined> {
  const { body } = await cluster.request<{ status?: { url?: string } }>(
    'GET',
    `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/webhooks/say`,
  )
  return body.status?.url
}

/** What the webhook of a namespace says, once it is served. */
async function saidIn(namespace: string): Promise<string> {
  for (;;) {
    const url = await urlIn(namespace)
    if (url !== undefined) {
      const response = await fetch(url)
      if (response.status === 200) return response.text()
    }
    await pause(20)
  }
}

describe.each([1, 2])('of %d', (count) => {
  test('what is in them is served, what is elsewhere is left alone', async () => {
    const watched = namespaces.slice(0, count)
    for (const namespace of namespaces) await cluster.apply(say(namespace, '${ "hello" }'))
    site = await startSite({ cluster, watched })
    for (const namespace of watched) expect(await saidIn(namespace)).toBe('hello')
    for (const namespace of namespaces.slice(count)) expect(await urlIn(namespace)).toBeUndefined()
    expect(refusedIn(site)).toEqual([])
  })
})

test('of all: one that is made later, too', async () => {
  site = await startSite({ cluster })
  const later = await cluster.namespace('later')
  for (const namespace of [...namespaces, later]) await cluster.apply(say(namespace, '${ "hello" }'))
  for (const namespace of [...namespaces, later]) expect(await saidIn(namespace)).toBe('hello')
  expect(refusedIn(site)).toEqual([])
})

test("globals of the operator's namespace apply to all when it is started so, and a namespace's own win", async () => {
  const [one = '', two = ''] = namespaces
  site = await startSite({ cluster, watched: [one, two], sharedGlobals: true })
  await cluster.apply([
    configMap(site.system, { GREETING: 'shared' }),
    configMap(two, { GREETING: 'own' }),
    ...say(one, '${ $globals.GREETING }'),
    ...say(two, '${ $globals.GREETING }'),
  ])
  while ((await saidIn(one)) !== 'shared');
  while ((await saidIn(two)) !== 'own');
  expect(refusedIn(site)).toEqual([])
})

test("without that they don't", async () => {
  const [one = ''] = namespaces
  site = await startSite({ cluster, watched: [one] })
  await cluster.apply([
    configMap(site.system, { GREETING: 'shared' }),
    ...say(one, '${ $globals.GREETING // "none" }'),
  ])
  expect(await saidIn(one)).toBe('none')
})

test('two that are told to look after one namespace each do not touch what is the other’s', async () => {
  const [one = '', two = ''] = namespaces
  site = await startSite({ cluster, watched: [one] })
  const other = await startSite({ cluster, watched: [two] })
  try {
    await cluster.apply([...say(one, '${ "one" }'), ...say(two, '${ "two" }')])
    expect([await saidIn(one), await saidIn(two)]).toEqual(['one', 'two'])
    expect((await urlIn(one))?.startsWith(site.publicUrl)).toBe(true)
    expect((await urlIn(two))?.startsWith(other.publicUrl)).toBe(true)
  } finally {
    await other.close()
  }
})
