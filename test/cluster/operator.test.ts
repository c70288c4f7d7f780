/** The operator process on a real API server, under its role. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import type { Launched } from '../support/member.ts'
import {
  artefacts,
  configMap,
  eventually,
  get,
  gone,
  installLed,
  path,
  says,
  secret,
  secretText,
  webhook,
  workflow,
  type Installation,
  type Reported,
} from './installation.ts'

jest.setTimeout(60_000)

const GLOBALS = { 'hooklet.dev/globals': 'true' }
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

let cluster: Cluster
let site: Installation
let operator: Launched
let tenant: string
beforeAll(async () => {
  ;({ cluster, site, operator } = await installLed({
    watched: 'all',
    env: { HOOKLET_SHARED_GLOBALS: 'true' },
  }))
})
afterAll(async () => {
  await site?.close()
  await cluster?.close()
})
beforeEach(async () => {
  tenant = await cluster.namespace('tenant')
})

const routeOf = async (name: string) => (await artefacts(cluster, site.system))[`route.${tenant}.${name}`]
const planOf = async (name: string) => (await artefacts(cluster, site.system))[`plan.${tenant}.${name}`]
const remove = (target: string) => cluster.request('DELETE', target)

describe('a Webhook that is applied', () => {
  test('L03 gets a token and a URL, in its status and in a Secret beside it, and a route', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
    const { status, metadata } = await get<Reported>(cluster, path.webhook(tenant, 'orders'))
    const token = await secretText(cluster, path.secret(tenant, 'orders-webhook-url'), 'token')
    expect(token).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(status?.url).toBe(`https://hooks.example.com/webhooks/${token}`)
    expect(await secretText(cluster, path.secret(tenant, 'orders-webhook-url'), 'url')).toBe(status?.url)
    const { metadata: beside } = await get(cluster, path.secret(tenant, 'orders-webhook-url'))
    expect(beside.ownerReferences).toMatchObject([{ kind: 'Webhook', name: 'orders', uid: metadata.uid }])
    expect(await routeOf('orders')).toMatchObject({
      token,
      state: 'Active',
      uid: metadata.uid,
      generation: 1,
    })
    expect(metadata.finalizers).toEqual(['hooklet.dev/data-plane'])
  })

  test('says in conditions what is so, of which generation, and tells it as Events, each once', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
    await cluster.apply([
      webhook(tenant, 'orders', {
        auth: { bearer: { tokens: [{ valueFrom: { secretKeyRef: { name: 'door', key: 'token' } } }] } },
      }),
    ])
    await says(
      cluster,
      path.webhook(tenant, 'orders'),
      /^False NotFound: spec\.auth\.bearer\.tokens\[0\].*the Secret door, which does not exist: create it\.$/,
    )
    expect((await routeOf('orders'))?.state).toBe('Unavailable')
    const { status } = await get<Reported>(cluster, path.webhook(tenant, 'orders'))
    expect(status?.observedGeneration).toBe(2)
    expect(status?.conditions?.map(({ type, status: is, observedGeneration: of }) => [type, is, of])).toEqual(
      [
        ['Ready', 'False', 2],
        ['Protected', 'True', 2],
        ['Accepted', 'False', 2],
      ],
    )
    await cluster.apply([secret(tenant, 'door', { token: 'open-sesame' })])
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
    const told = await eventually(async () => {
      const { items } = await get<{ items: { type: string; reason: string; note: string }[] }>(
        cluster,
        path.events(tenant),
      )
      return items.length >= 3 ? items : undefined
    })
    expect(told.map(({ type, reason }) => `${type} ${reason}`).toSorted()).toEqual([
      'Normal Serving',
      'Normal Serving',
      'Warning NotFound',
    ])
    expect(JSON.stringify(told)).not.toContain('sesame')
    const { stdout } = await cluster.kubectl(['describe', 'webhook', 'orders', '-n', tenant])
    expect(stdout).toMatch(/Events:\n[\s\S]*Warning\s+NotFound/)
  })

  test('keeps its token when its Secret is deleted or changed', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const target = path.secret(tenant, 'orders-webhook-url')
    const token = await secretText(cluster, target, 'token')
    await remove(target)
    expect(await eventually(() => secretText(cluster, target, 'token'))).toBe(token)
    const forged = { data: { token: Buffer.from('forged-forged-forged-forged-1234').toString('base64') } }
    const { body } = await cluster.request('PATCH', target, {
      body: forged,
      contentType: 'application/merge-patch+json',
    })
    await eventually(async () => {
      const { metadata } = await get(cluster, target)
      return metadata.resourceVersion === body.metadata.resourceVersion ? undefined : true
    })
    expect(await secretText(cluster, target, 'token')).toBe(token)
    expect((await routeOf('orders'))?.token).toBe(token)
  })

  test('keeps its token when its Secret loses the label that it is watched by', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const target = path.secret(tenant, 'orders-webhook-url')
    const token = await secretText(cluster, target, 'token')
    await cluster.kubectl(['label', 'secret', 'orders-webhook-url', '-n', tenant, 'hooklet.dev/webhook-'])
    await eventually(async () => (await get(cluster, target)).metadata.labels?.['hooklet.dev/webhook'])
    expect(await secretText(cluster, target, 'token')).toBe(token)
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
  })

  test('does not touch a Secret of its name that is not Hooklet’s, and goes on when that is gone', async () => {
    await cluster.apply([secret(tenant, 'orders-webhook-url', { mine: 'yes' })])
    await cluster.apply([webhook(tenant, 'orders')])
    await says(
      cluster,
      path.webhook(tenant, 'orders'),
      /^False UrlSecretRefused: .*exists and is not of Hooklet/,
    )
    expect(await secretText(cluster, path.secret(tenant, 'orders-webhook-url'), 'mine')).toBe('yes')
    expect(await routeOf('orders')).toBeUndefined()
    await remove(path.secret(tenant, 'orders-webhook-url'))
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
  })

  test('with tokenFrom has that token, follows it, and keeps the URL when tokenFrom goes', async () => {
    const first = 'pinned-token-of-22-chars'
    const second = 'another-token-of-22-chars'
    await cluster.apply([
      secret(tenant, 'pin', { token: first }),
      webhook(tenant, 'orders', { tokenFrom: { secretKeyRef: { name: 'pin', key: 'token' } } }),
    ])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    expect((await routeOf('orders'))?.token).toBe(first)
    expect(await secretText(cluster, path.secret(tenant, 'orders-webhook-url'), 'token')).toBe(first)
    await cluster.apply([secret(tenant, 'pin', { token: second })])
    await eventually(async () => (await routeOf('orders'))?.token === second || undefined)
    await cluster.apply([webhook(tenant, 'orders', {})])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    expect((await routeOf('orders'))?.token).toBe(second)
  })

  test('with the token of another says so, tells nothing of other tenants, and gets it when that goes', async () => {
    const token = `shared-token-${tenant}-0123456789`
    const pinned = { tokenFrom: { secretKeyRef: { name: 'pin', key: 'token' } } }
    const other = await cluster.namespace('rival')
    await cluster.apply([secret(tenant, 'pin', { token }), webhook(tenant, 'older', pinned)])
    await says(cluster, path.webhook(tenant, 'older'), /^True/)
    await cluster.apply([
      webhook(tenant, 'younger', pinned),
      secret(other, 'pin', { token }),
      webhook(other, 'thief', pinned),
    ])
    await says(cluster, path.webhook(tenant, 'younger'), /^False DuplicateToken: .*the Webhook older has/)
    const told = await says(cluster, path.webhook(other, 'thief'), /^False DuplicateToken/)
    expect(told).toContain('a Webhook of another namespace has')
    expect(told).not.toContain(tenant)
    expect(Object.keys(await artefacts(cluster, site.system))).not.toContain(`route.${other}.thief`)
    expect((await get<Reported>(cluster, path.webhook(other, 'thief'))).status?.url).toBeUndefined()
    await remove(path.webhook(other, 'thief'))
    await remove(path.webhook(tenant, 'older'))
    await says(cluster, path.webhook(tenant, 'younger'), /^True/)
  })

  test('keeps its URL when a Webhook of another tenant, older than it, pins its token', async () => {
    const other = await cluster.namespace('rival')
    await cluster.apply([webhook(other, 'thief')])
    await says(cluster, path.webhook(other, 'thief'), /^True/)
    const { metadata } = await get(cluster, path.webhook(other, 'thief'))
    // Ages are told in whole seconds.
    const created = Date.parse(metadata.creationTimestamp ?? '')
    await eventually(() => Promise.resolve(Date.now() - created > 1_000 || undefined))
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const token = (await routeOf('orders'))?.token ?? ''
    await cluster.apply([
      secret(other, 'stolen', { token }),
      webhook(other, 'thief', { tokenFrom: { secretKeyRef: { name: 'stolen', key: 'token' } } }),
    ])
    await says(cluster, path.webhook(other, 'thief'), /^False DuplicateToken/)
    // Nor does a new leader, who knows nothing but what is there.
    await operator.stop()
    operator = await site.launch('operator')
    await operator.logged('Everything is in place')
    await says(cluster, path.webhook(other, 'thief'), /^False DuplicateToken/)
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    expect((await routeOf('orders'))?.token).toBe(token)
    expect(Object.keys(await artefacts(cluster, site.system))).not.toContain(`route.${other}.thief`)
  })

  test('L29 deleted, it is out of the data plane, and its Workflows stay', async () => {
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving: Calls start ship\.$/)
    await remove(path.webhook(tenant, 'orders'))
    await gone(cluster, path.webhook(tenant, 'orders'))
    expect(await routeOf('orders')).toBeUndefined()
    await says(cluster, path.workflow(tenant, 'ship'), /^False WebhookMissing/)
    expect(await planOf('ship')).toBeDefined()
  })

  test('L30 deleted with include-workflows, every Workflow that it starts goes, too', async () => {
    await cluster.apply([
      webhook(tenant, 'orders'),
      webhook(tenant, 'other'),
      workflow(tenant, 'only'),
      workflow(tenant, 'both', { triggers: [{ webhook: 'other' }, { webhook: 'orders' }] }),
      workflow(tenant, 'unrelated', { triggers: [{ webhook: 'other' }] }),
    ])
    await says(cluster, path.webhook(tenant, 'orders'), /both, only/)
    await cluster.kubectl([
      'annotate',
      'webhook',
      'orders',
      '-n',
      tenant,
      'hooklet.dev/include-workflows=true',
    ])
    await remove(path.webhook(tenant, 'orders'))
    await gone(cluster, path.webhook(tenant, 'orders'))
    await gone(cluster, path.workflow(tenant, 'only'))
    await gone(cluster, path.workflow(tenant, 'both'))
    await eventually(async () => ((await planOf('both')) === undefined ? true : undefined))
    await says(cluster, path.workflow(tenant, 'unrelated'), /^True/)
    expect(await planOf('only')).toBeUndefined()
  })

  test('made anew under its old name, it has a new URL', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const before = (await routeOf('orders'))?.token
    await remove(path.webhook(tenant, 'orders'))
    await gone(cluster, path.webhook(tenant, 'orders'))
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const after = (await routeOf('orders'))?.token
    expect(after).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(after).not.toBe(before)
  })
})

describe('what a resource refers to', () => {
  const bearer = (value: object): object => ({ auth: { bearer: { tokens: [value] } } })

  test.each<[string, object, (text: string) => object[]]>([
    [
      'a Secret',
      { valueFrom: { secretKeyRef: { name: 'door', key: 'token' } } },
      (token) => [secret(tenant, 'door', { token })],
    ],
    [
      'a ConfigMap',
      { valueFrom: { configMapKeyRef: { name: 'door', key: 'token' } } },
      (token) => [configMap(tenant, 'door', { token })],
    ],
    [
      'a global of a ConfigMap',
      { value: '${ $globals.TOKEN }' },
      (TOKEN) => [configMap(tenant, 'door', { TOKEN }, GLOBALS)],
    ],
    [
      'a global of a Secret',
      { value: '${ $globals.TOKEN }' },
      (TOKEN) => [secret(tenant, 'door', { TOKEN }, GLOBALS)],
    ],
    [
      'a global of all namespaces',
      { value: '${ $globals.SHARED }' },
      (SHARED) => [configMap(site.system, 'shared', { SHARED }, GLOBALS)],
    ],
  ])('L27 %s: a change of it is in the route, without a change of the Webhook', async (_, value, holder) => {
    await cluster.apply([webhook(tenant, 'orders', bearer(value)), ...holder('first')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    expect((await routeOf('orders'))?.auth).toEqual({ bearer: [digest('first')] })
    await cluster.apply(holder('second'))
    await eventually(async () => {
      const { auth } = (await routeOf('orders')) ?? {}
      return JSON.stringify(auth) === JSON.stringify({ bearer: [digest('second')] }) || undefined
    })
  })

  test('a Workflow has its globals, and a Secret of use.secrets, in its plan', async () => {
    await cluster.apply([
      webhook(tenant, 'orders'),
      configMap(tenant, 'settings', { CITY: 'Ulm', UNREAD: 'x' }, GLOBALS),
      secret(tenant, 'api', { key: 'one' }),
      workflow(tenant, 'ship', {
        use: { secrets: ['api'] },
        do: [{ answer: { call: 'reply', with: { body: '${ [$globals.CITY, $secrets.api.key] }' } } }],
      }),
    ])
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
    expect(await planOf('ship')).toMatchObject({ globals: { CITY: 'Ulm' }, secrets: { api: { key: 'one' } } })
    await cluster.apply([secret(tenant, 'api', { key: 'two' })])
    await eventually(async () => {
      const plan = (await planOf('ship')) as { secrets?: unknown } | undefined
      return JSON.stringify(plan?.secrets) === '{"api":{"key":"two"}}' || undefined
    })
  })

  test('L27 what only the labelled namespaces hold is a global of theirs', async () => {
    const other = await cluster.namespace('rival')
    await cluster.apply([
      configMap(other, 'settings', { TOKEN: 'of-the-other' }, GLOBALS),
      configMap(tenant, 'settings', { TOKEN: 'not-labelled' }),
      webhook(tenant, 'orders', bearer({ value: '${ $globals.TOKEN }' })),
    ])
    await says(cluster, path.webhook(tenant, 'orders'), /^False NotFound: .*reads the global TOKEN/)
  })
})

describe('a Workflow that is applied', () => {
  test('names the place of deep faults in its condition, and keeps its last good plan', async () => {
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    await says(cluster, path.workflow(tenant, 'ship'), /^True Serving: Calls to orders start it\.$/)
    await cluster.apply([
      workflow(tenant, 'ship', {
        do: [
          { first: { do: [{ deep: { set: { x: '${ .a | nonsense }' } } }] } },
          { then: { call: 'reply' } },
        ],
      }),
    ])
    await says(
      cluster,
      path.workflow(tenant, 'ship'),
      /^False InvalidTask: \/do\/0\/first\/do\/0\/deep\/set\/x: /,
    )
    expect((await planOf('ship'))?.generation).toBe(1)
    await cluster.apply([workflow(tenant, 'ship', { suspend: true })])
    await says(cluster, path.workflow(tenant, 'ship'), /^True Suspended/)
    expect((await planOf('ship'))?.suspended).toBe(true)
    await says(cluster, path.webhook(tenant, 'orders'), /^True Paused/)
    expect((await routeOf('orders'))?.state).toBe('Paused')
  })

  test('says Supported=False, naming the task, for what can not be run yet', async () => {
    await cluster.apply([workflow(tenant, 'ship', { do: [{ listen: { listen: { to: { any: [] } } } }] })])
    await says(cluster, path.workflow(tenant, 'ship'), /^False UnsupportedTask: \/do\/0\/listen/, 'Supported')
  })

  test('too large for an API server, it says so and keeps its last good plan', async () => {
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
    const big = 'x'.repeat(600_000)
    await cluster.apply([
      secret(tenant, 'big', { big }),
      secret(tenant, 'bigger', { big }),
      workflow(tenant, 'ship', { use: { secrets: ['big', 'bigger'] } }),
    ])
    await says(cluster, path.workflow(tenant, 'ship'), /^False TooLarge: /)
    expect((await planOf('ship'))?.generation).toBe(1)
    await cluster.apply([workflow(tenant, 'ship', { use: { secrets: ['big'] } })])
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
  })
})

describe('artefacts', () => {
  test('that someone deletes or changes come back', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const target = path.secret(site.system, `route.${tenant}.orders`)
    const before = await secretText(cluster, target, 'artefact.json')
    await remove(target)
    expect(await eventually(() => secretText(cluster, target, 'artefact.json'))).toBe(before)
    const data = { 'artefact.json': Buffer.from('{"version":1}').toString('base64') }
    await cluster.request('PATCH', target, { body: { data }, contentType: 'application/merge-patch+json' })
    await eventually(async () => (await secretText(cluster, target, 'artefact.json')) === before || undefined)
  })

  test('that someone takes the label off get it back', async () => {
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    const name = `route.${tenant}.orders`
    const isLabelled = async () =>
      (await get(cluster, path.secret(site.system, name))).metadata.labels?.['hooklet.dev/artefact']
    for (let i = 0; i < 2; i++) {
      await cluster.kubectl(['label', 'secret', name, '-n', site.system, 'hooklet.dev/artefact-'])
      expect(await eventually(isLabelled)).toBe('route')
    }
  })
})
