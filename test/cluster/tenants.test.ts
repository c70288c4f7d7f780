/**
 * Two tenants on one installation: what one has, the other can't use, see or break, whatever it writes into
 * its own namespace.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(60_000)

const API_VERSION = 'hooklet.dev/v1alpha1'

interface Tenant {
  namespace: string
  /** Of a user who may do everything in that namespace, and nothing anywhere else. */
  kubeconfig: string
  token: string
}

let site: Site
let ada: Tenant
let bob: Tenant
beforeAll(async () => {
  site = await startSite()
  ada = await tenant('ada')
  bob = await tenant('bob')
})
afterAll(() => site?.close())

async function tenant(name: string): Promise<Tenant> {
  const namespace = await site.cluster.namespace(name)
  const everything = [{ apiGroups: ['', 'hooklet.dev'], resources: ['*'], verbs: ['*'] }]
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  await site.cluster.apply([
    { apiVersion, kind: 'Role', metadata: { name: 'tenant', namespace }, rules: everything },
    {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: 'tenant', namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'tenant' },
      subjects: [{ kind: 'ServiceAccount', name: 'tenant', namespace }],
    },
  ])
  const token = await site.cluster.tokenOf(namespace, 'tenant')
  return { namespace, token, kubeconfig: await site.cluster.writeKubeconfig(token, { namespace }) }
}

async function kubectl({ kubeconfig }: Tenant, ...args: string[]) {
  return site.cluster.kubectl(args, { kubeconfig })
}

/** Applies objects as the tenant, into its own namespace. */
async function apply({ kubeconfig }: Tenant, ...objects: object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
  const { code, stderr } = await site.cluster.kubectl(['apply', '-f', '-'], { kubeconfig, input })
  if (code !== 0) throw new Error(stderr)
}

const webhook = (name: string, spec: object = {}): object => ({
  apiVersion: API_VERSION,
  kind: 'Webhook',
  metadata: { name },
  spec,
})
/** Replies with the value of an expression. */
const workflow = (name: string, trigger: string, body: unknown): object => ({
  apiVersion: API_VERSION,
  kind: 'Workflow',
  metadata: { name },
  spec: { triggers: [{ webhook: trigger }], do: [{ answer: { call: 'reply', with: { body } } }] },
})
const globals = (data: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'words', labels: { 'hooklet.dev/globals': 'true' } },
  data,
})

interface Found {
  url: string | undefined
  ready: { status: string; reason: string; message: string }
}

/** The Webhook or Workflow when the operator has judged what was applied last. */
async function judged({ namespace }: Tenant, kind: 'webhooks' | 'workflows', name: string): Promise<Found> {
  interface Status {
    url?: string
    conditions?: ({ type: string; observedGeneration: number } & Found['ready'])[]
  }
  for (;;) {
    const { body } = await site.cluster.request(
      'GET',
      `/apis/${API_VERSION}/namespaces/${namespace}/${kind}/${name}`,
    )
    const status = body['status'] as Status | undefined
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    if (ready && ready.observedGeneration === body.metadata.generation) return { url: status?.url, ready }
    await pause(20)
  }
}

async function served(tenant: Tenant, name: string): Promise<string> {
  for (;;) {
    const { url, ready } = await judged(tenant, 'webhooks', name)
    if (url !== undefined && ready.status === 'True' && (await fetch(url)).status !== 404) return url
    await pause(20)
  }
}

/** Without calling it. */
async function urlOf(tenant: Tenant, name: string): Promise<string> {
  return (await judged(tenant, 'webhooks', name)).url ?? ''
}

async function call(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url)
  return { status: response.status, text: await response.text() }
}

const REPLY = { response: { mode: 'Reply' } }

test('equal names are different things: each Webhook has its own Workflows and globals', async () => {
  for (const [who, word] of [
    [ada, 'from ada'],
    [bob, 'from bob'],
  ] as const) {
    await apply(
      who,
      globals({ GREETING: word }),
      webhook('greet', REPLY),
      workflow('greet', 'greet', '${ $globals.GREETING }'),
    )
    await judged(who, 'workflows', 'greet')
  }
  await site.caughtUp()
  const [atAda, atBob] = [await served(ada, 'greet'), await served(bob, 'greet')]
  for (let round = 0; round < 10; round++) {
    expect(await call(atAda)).toEqual({ status: 200, text: 'from ada' })
    expect(await call(atBob)).toEqual({ status: 200, text: 'from bob' })
  }
})

test("another's globals are not there, neither for a Webhook nor for a Workflow", async () => {
  await apply(ada, globals({ GREETING: 'from ada', ONLY_ADAS: 'hidden' }))
  await apply(
    bob,
    webhook('curious', { auth: { bearer: { tokens: [{ value: '${ $globals.ONLY_ADAS }' }] } } }),
    webhook('asking', REPLY),
    workflow('asking', 'asking', '${ $globals.ONLY_ADAS // "nothing" }'),
  )
  const { ready } = await judged(bob, 'webhooks', 'curious')
  expect(ready).toMatchObject({ status: 'False', reason: 'NotFound' })
  expect(JSON.stringify(ready)).not.toContain('hidden')
  await judged(bob, 'workflows', 'asking')
  await site.caughtUp()
  const answer = await call(await urlOf(bob, 'asking'))
  expect(answer.text).not.toContain('hidden')
})

test("another's Secrets can not be referred to, with a namespace or without", async () => {
  await apply(ada, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'adas-door' },
    stringData: { password: 'hidden' },
  })
  const password = { valueFrom: { secretKeyRef: { name: 'adas-door', key: 'password' } } }
  await apply(bob, webhook('thief', { auth: { basic: { password } } }))
  const { url, ready } = await judged(bob, 'webhooks', 'thief')
  expect(ready).toMatchObject({ status: 'False', reason: 'NotFound' })
  if (url !== undefined) expect((await call(url)).status).toBe(503)

  const named = {
    valueFrom: { secretKeyRef: { name: 'adas-door', key: 'password', namespace: ada.namespace } },
  }
  await expect(apply(bob, webhook('thief-2', { auth: { basic: { password: named } } }))).rejects.toThrow(
    'unknown field',
  )
  for (const name of [`${ada.namespace}/adas-door`, `../${ada.namespace}/secrets/adas-door`]) {
    const odd = { valueFrom: { secretKeyRef: { name, key: 'password' } } }
    const applied = apply(bob, webhook('thief-3', { auth: { basic: { password: odd } } }))
    const refused = await applied.then(
      async () => (await judged(bob, 'webhooks', 'thief-3')).ready.status,
      () => 'False',
    )
    expect(refused).toBe('False')
  }
})

test("another's URL token can not be taken over, and nothing of the owner's changes", async () => {
  await apply(ada, webhook('owned', REPLY), workflow('owned', 'owned', 'of ada'))
  const url = await served(ada, 'owned')
  await judged(ada, 'workflows', 'owned')
  await site.caughtUp()
  const token = url.split('/').at(-1) ?? ''
  await apply(
    bob,
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'stolen' }, stringData: { token } },
    webhook('copy', { tokenFrom: { secretKeyRef: { name: 'stolen', key: 'token' } }, ...REPLY }),
    workflow('copy', 'copy', 'of bob'),
  )
  const { ready } = await judged(bob, 'webhooks', 'copy')
  expect(ready).toMatchObject({ status: 'False', reason: 'DuplicateToken' })
  // Not even whose it is.
  expect(ready.message).not.toContain(ada.namespace)
  expect(await call(url)).toEqual({ status: 200, text: 'of ada' })
  await kubectl(bob, 'delete', 'webhook', 'copy')
  expect(await call(url)).toEqual({ status: 200, text: 'of ada' })
})

test("a trigger reaches no Webhook of another's", async () => {
  await apply(ada, webhook('orders'))
  await served(ada, 'orders')
  await apply(bob, workflow('listening', 'orders', 'heard'))
  expect((await judged(bob, 'workflows', 'listening')).ready).toMatchObject({
    status: 'False',
    reason: 'WebhookMissing',
  })
  const { body } = await site.cluster.request(
    'GET',
    `/apis/${API_VERSION}/namespaces/${ada.namespace}/webhooks/orders`,
  )
  expect((body['status'] as { workflows?: string[] }).workflows ?? []).toEqual([])
})

test("a caller who waits for another's reply can not be answered, not even by who knows the replyId", async () => {
  const told = Promise.withResolvers<string>()
  const release = Promise.withResolvers<void>()
  // Gets the replyId of the call under way, and keeps its run until it is let go.
  const listener = createServer((request, response) => {
    const keep = async (): Promise<void> => {
      told.resolve((JSON.parse(await text(request)) as { id: string }).id)
      await release.promise
      response.setHeader('content-type', 'application/json').end('{}')
    }
    void keep()
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  try {
    const endpoint = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
    const tasks = (name: string, ...list: object[]): object => ({
      apiVersion: API_VERSION,
      kind: 'Workflow',
      metadata: { name },
      spec: { triggers: [{ webhook: name }], do: list },
    })
    await apply(
      ada,
      webhook('waiting', REPLY),
      tasks(
        'waiting',
        { tell: { call: 'http', with: { method: 'post', endpoint, body: { id: '${ .replyId }' } } } },
        { answer: { call: 'reply', with: { body: 'of ada' } } },
      ),
    )
    await apply(
      bob,
      webhook('meddling', REPLY),
      tasks(
        'meddling',
        {
          meddle: {
            call: 'reply',
            with: { replyId: '${ .body.id }', body: 'of bob' },
            export: { as: '${ {outcome: $task.reply} }' },
          },
        },
        { answer: { call: 'reply', with: { body: '${ $context.outcome }' } } },
      ),
    )
    await judged(ada, 'workflows', 'waiting')
    await judged(bob, 'workflows', 'meddling')
    await site.caughtUp()
    const [atAda, atBob] = [await urlOf(ada, 'waiting'), await urlOf(bob, 'meddling')]
    const answer = call(atAda)
    const id = await told.promise
    const meddled = await fetch(atBob, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id }),
    })
    expect(await meddled.text()).toBe('gone')
    release.resolve()
    expect(await answer).toEqual({ status: 200, text: 'of ada' })
  } finally {
    release.resolve()
    listener.closeAllConnections()
    listener.close()
  }
})

describe('limits', () => {
  test.each(['Webhook', 'ClientIP'])("one's window, per %s, is not the other's", async (per) => {
    const name = `limited-${per.toLowerCase()}`
    const limits = { limits: { rate: { requests: 3, window: '1m', per } } }
    for (const who of [ada, bob]) await apply(who, webhook(name, limits))
    const [atAda, atBob] = [await urlServed(ada, name), await urlServed(bob, name)]
    const statuses: number[] = []
    for (let n = 0; n < 6; n++) statuses.push((await call(atBob)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429])
    expect((await call(atAda)).status).toBe(200)
  })

  /** Waits for the route without calling it: a call would count. A suspended webhook counts none. */
  async function urlServed(who: Tenant, name: string): Promise<string> {
    const merge = (suspend: boolean): Promise<unknown> =>
      kubectl(who, 'patch', 'webhook', name, '--type=merge', '-p', JSON.stringify({ spec: { suspend } }))
    await merge(true)
    const { url } = await judged(who, 'webhooks', name)
    while ((await fetch(url ?? '')).status !== 200);
    await merge(false)
    await judged(who, 'webhooks', name)
    return url ?? ''
  }
})

describe('the API', () => {
  test.each([
    ['get', 'webhooks'],
    ['get', 'secrets'],
    ['get', 'configmaps'],
    ['delete', 'webhooks', '--all'],
    ['get', 'events'],
  ])("of another's namespace: %s %s", async (...args) => {
    const { code, stderr } = await kubectl(bob, ...args, '-n', ada.namespace)
    expect(code).toBe(1)
    expect(stderr).toContain('forbidden')
  })

  test.each([
    ['get', 'secrets'],
    ['get', 'leases'],
    ['delete', 'secrets', '--all'],
  ])("of the operator's namespace: %s %s", async (...args) => {
    const { code, stderr } = await kubectl(bob, ...args, '-n', site.system)
    expect(code).toBe(1)
    expect(stderr).toContain('forbidden')
  })
})

test('what looks like an artefact, but is in a namespace of a tenant, is served by nobody', async () => {
  await apply(ada, webhook('real'))
  const url = await served(ada, 'real')
  const { body } = await site.cluster.request(
    'GET',
    `/api/v1/namespaces/${site.system}/secrets/route.${ada.namespace}.real`,
  )
  const { name, labels, annotations } = body.metadata
  const route = Buffer.from((body['data'] as Record<string, string>)['artefact.json'] ?? '', 'base64')
  const token = 'f'.repeat(32)
  const forged = route.toString().replace(url.split('/').at(-1) ?? '', token)
  expect(forged).toContain(token)
  await apply(bob, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels, annotations },
    stringData: { 'artefact.json': forged },
  })
  // Something that comes later is served: the forged one would be, too.
  await apply(bob, webhook('later'))
  await served(bob, 'later')
  expect((await call(`${site.publicUrl}/webhooks/${token}`)).status).toBe(404)
  expect((await call(url)).status).toBe(200)
})
