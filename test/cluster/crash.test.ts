/**
 * Processes and the API server that are killed while a user applies: everything converges, and nobody who
 * calls notices.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals'
import { hook, WIDE } from '../e2e/processes/fleet.ts'
import type { KubeObject } from '../support/kubernetes/cluster.ts'
import { startLoad } from '../support/load.ts'
import type { Load } from '../support/load.ts'
import { startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(150_000)

const APPLIES = 200
/** How many applies are under way at a time. */
const HANDS = 8

interface Served extends KubeObject {
  status: { url: string; conditions: { type: string; status: string }[] }
}

let site: Site
let namespace: string
let loads: Load[]
beforeAll(async () => {
  site = await startSite({ operators: 2, ingress: 2 })
  namespace = await site.cluster.namespace('busy')
  loads = []
})
afterEach(() => Promise.all(loads.map((load) => load.stop())))
afterAll(() => site?.close())

/** A Webhook that answers with its name, by a Workflow. */
const answering = (name: string): object[] =>
  hook(name, { response: { mode: 'Reply' }, limits: WIDE }, [
    { answer: { call: 'reply', with: { body: name } } },
  ])

async function create(objects: object[]): Promise<void> {
  for (const body of objects) {
    const plural = (body as KubeObject).kind === 'Webhook' ? 'webhooks' : 'workflows'
    const path = `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/${plural}`
    expect((await site.cluster.request('POST', path, { body })).status).toBe(201)
  }
}

async function items<Item extends KubeObject>(path: string): Promise<Item[]> {
  const { status, body } = await site.cluster.request<{ items: Item[] }>('GET', path)
  expect(status).toBe(200)
  return body.items
}

async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.cluster.kubectl(['-n', namespace, ...args])
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** All of a kind, when every one of them is ready. kubectl would ask for them one by one. */
async function allReady(plural: string): Promise<Served[]> {
  for (;;) {
    const found = await items<Served>(`/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/${plural}`)
    const isReady = ({ status }: Served): boolean =>
      status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True')
    if (found.every(isReady)) return found
    await pause(100)
  }
}

async function call(url: string): Promise<string> {
  const response = await fetch(url)
  return `${response.status} ${await response.text()}`
}

/** The same URL on another ingress. */
const on = (ingress: { url: string } | undefined, url: string): string =>
  url.replace(site.publicUrl, ingress?.url ?? '')

/** Applies a webhook, waits until it is served on an ingress, and has it called there until the test ends. */
async function loadOn(ingress: { url: string } | undefined, name: string): Promise<Load> {
  await create(answering(name))
  await kubectl('wait', '--for=condition=Ready', `webhook/${name}`, `workflow/${name}`, '--timeout=60s')
  await site.routed()
  const url = on(ingress, await kubectl('get', 'webhook', name, '-o', 'jsonpath={.status.url}'))
  const once = async (): Promise<string | undefined> => {
    const said = await call(url)
    return said === `200 ${name}` ? undefined : said
  }
  const load = startLoad(4, once, { everyMs: 20 })
  loads.push(load)
  await load.served(10)
  return load
}

const decoded = (secret: KubeObject, key: string): string =>
  Buffer.from((secret['data'] as Record<string, string>)[key] ?? '', 'base64').toString()

test('kill -9 of the operator that leads, and of an ingress, in the middle of 200 applies', async () => {
  const [dying, staying] = site.ingress
  const load = await loadOn(staying, 'called')
  const leader = site.operators.find((operator) => operator.log().includes('This operator leads'))
  expect(leader).toBeDefined()
  const names = Array.from({ length: APPLIES }, (_, index) => `hook-${index}`)
  const accidents = new Map([
    [names[70], leader],
    [names[130], dying],
  ])
  const rest = names.values()
  const apply = async (): Promise<void> => {
    for (const name of rest) {
      await accidents.get(name)?.kill()
      await create(answering(name))
    }
  }
  await Promise.all(Array.from({ length: HANDS }, apply))
  const [back] = await Promise.all([site.start('ingress'), site.start('operator')])
  const webhooks = await allReady('webhooks')
  await allReady('workflows')
  await site.routed()
  expect(webhooks).toHaveLength(APPLIES + 1)
  for (const ingress of [staying, back]) {
    const answers = webhooks.map(({ status }) => call(on(ingress, status.url)))
    expect(await Promise.all(answers)).toEqual(webhooks.map(({ metadata }) => `200 ${metadata.name}`))
  }
  await load.stop()
  expect(load.wrong).toEqual([])
  await expectNothingHalfMade(webhooks)
})

/**
 * Each Webhook has one Secret with its URL, one route with a token of its own, and one plan; there are no
 * others.
 */
async function expectNothingHalfMade(webhooks: Served[]): Promise<void> {
  const urls = new Map(webhooks.map(({ metadata, status }) => [metadata.name, status.url]))
  const namesOf = (objects: KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name).toSorted()
  const secrets = await items(`/api/v1/namespaces/${namespace}/secrets`)
  expect(namesOf(secrets)).toEqual([...urls.keys()].map((name) => `${name}-webhook-url`).toSorted())
  for (const secret of secrets)
    expect(decoded(secret, 'url')).toBe(urls.get(secret.metadata.ownerReferences?.[0]?.name ?? ''))
  const artefacts = await items(
    `/api/v1/namespaces/${site.system}/secrets?labelSelector=hooklet.dev/source-namespace=${namespace}`,
  )
  const wanted = [...urls.keys()].flatMap((name) => [
    `plan.${namespace}.${name}`,
    `route.${namespace}.${name}`,
  ])
  expect(namesOf(artefacts)).toEqual(wanted.toSorted())
  const tokens = artefacts.map(
    (artefact) => (JSON.parse(decoded(artefact, 'artefact.json')) as { token?: string }).token,
  )
  expect(new Set(tokens.filter((token) => token !== undefined)).size).toBe(webhooks.length)
}

test('an API server that is killed while callers call; what is applied when it is back is served', async () => {
  const load = await loadOn(site.ingress[1], 'before')
  await site.cluster.apiServer.kill()
  await load.served(200)
  await site.cluster.apiServer.start()
  const later = await loadOn(site.ingress[1], 'after')
  await later.served(50)
  for (const { wrong } of [load, later]) expect(wrong).toEqual([])
})
