/** What the operator promises when processes and API servers die, shown on real ones. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { eachWith } from '../support/each-with.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import type { Launched } from '../support/member.ts'
import {
  artefacts,
  configMap,
  eventually,
  get,
  gone,
  install,
  path,
  says,
  secret,
  secretText,
  webhook,
  workflow,
  type Installation,
  type Reported,
} from './installation.ts'

jest.setTimeout(120_000)

let cluster: Cluster
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
})
afterAll(() => cluster?.close())

/** A test's own installation, and the namespace that it watches. */
interface Stage {
  tenant: string
  site: Installation
  /** Starts an operator, until it leads. */
  lead(): Promise<Launched>
  close(): Promise<void>
}

const staged = eachWith(async (): Promise<Stage> => {
  const tenant = await cluster.namespace('tenant')
  const site = await install(cluster, { watched: [tenant] })
  return {
    tenant,
    site,
    async lead() {
      const operator = await site.launch('operator')
      await operator.logged('This operator leads')
      return operator
    },
    close: site.close,
  }
})

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `hook-${index}`)

/** Applies them one after another; `midway` is called once half of them are there. */
async function applyAll({ tenant }: Stage, count: number, midway: () => Promise<void>): Promise<void> {
  for (const [index, name] of names(count).entries()) {
    if (index === Math.floor(count / 2)) await midway()
    await retried(() =>
      cluster.apply([webhook(tenant, name), workflow(tenant, name, { triggers: [{ webhook: name }] })]),
    )
  }
}

/** The API server may be away at the moment. */
async function retried(act: () => Promise<void>): Promise<void> {
  await eventually(() =>
    act().then(
      () => true,
      () => undefined,
    ),
  )
}

/**
 * All are ready, and nothing is half made: route, Secret and status of each agree, and there is nothing else.
 */
async function expectConverged({ tenant, site }: Stage, count: number): Promise<void> {
  const ready = async (target: string): Promise<Reported[] | undefined> => {
    const { items } = await get<{ items: Reported[] }>(cluster, target)
    const isReady = ({ status, metadata }: Reported): boolean =>
      status?.observedGeneration === metadata.generation &&
      status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
    return items.length === count && items.every(isReady) ? items : undefined
  }
  const withinMs = 60_000
  await eventually(() => ready(path.workflow(tenant)), { withinMs })
  // A Webhook is ready before its Workflow comes, and then again.
  const webhooks = await eventually(
    async () => {
      const found = await ready(path.webhook(tenant))
      const isWhole = ({ metadata, status }: Reported): boolean => status?.workflows?.join() === metadata.name
      return found?.every(isWhole) ? found : undefined
    },
    { withinMs },
  )
  const published = await artefacts(cluster, site.system)
  const kinds = ['route', 'plan']
  expect(Object.keys(published).toSorted()).toEqual(
    kinds.flatMap((kind) => names(count).map((name) => `${kind}.${tenant}.${name}`)).toSorted(),
  )
  const tokens = new Set<string | undefined>()
  for (const { metadata, status } of webhooks) {
    const { name, uid } = metadata
    const token = await secretText(cluster, path.secret(tenant, `${name}-webhook-url`), 'token')
    tokens.add(token)
    expect(published[`route.${tenant}.${name}`]).toMatchObject({ token, uid, state: 'Active' })
    expect(status?.url).toBe(`https://hooks.example.com/webhooks/${token}`)
  }
  expect(tokens.size).toBe(count)
}

test.concurrent(
  'killed in the middle of 200 applies, all converge',
  staged(async (stage) => {
    const first = await stage.lead()
    await applyAll(stage, 200, async () => {
      await first.kill()
      await stage.site.launch('operator')
    })
    await expectConverged(stage, 200)
  }),
)

test.concurrent(
  'killed again and again while it works through what is there, all converge',
  staged(async (stage) => {
    await applyAll(stage, 60, () => Promise.resolve())
    const all = 2 * 60
    for (let i = 0; i < 3; i++) {
      // A lease that is let go, as nobody else is there, so that the next one need not wait for it.
      await cluster.request('DELETE', leasePath(stage.site))
      const operator = await stage.lead()
      const made = Object.keys(await artefacts(cluster, stage.site.system)).length
      await eventually(async () => {
        const now = Object.keys(await artefacts(cluster, stage.site.system)).length
        return now > made || now === all || undefined
      })
      await operator.kill()
    }
    await stage.lead()
    await expectConverged(stage, 60)
  }),
)

test(
  'an API server that is killed in the middle of 100 applies, and comes back: all converge, the process stays',
  staged(async (stage) => {
    const operator = await stage.lead()
    await applyAll(stage, 100, async () => {
      await cluster.apiServer.kill()
      await operator.logged('Following is interrupted')
      await cluster.apiServer.start()
    })
    await expectConverged(stage, 100)
    expect(operator.alive()).toBe(true)
  }),
)

test.concurrent(
  'what is left of resources that went while no operator was there is swept at the start',
  staged(async ({ tenant, site, lead }) => {
    const first = await lead()
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving: Calls start ship/)
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
    expect(await first.stop()).toBe(0)
    await cluster.request('PATCH', path.webhook(tenant, 'orders'), {
      body: { metadata: { finalizers: [] } },
      contentType: 'application/merge-patch+json',
    })
    await cluster.request('DELETE', path.webhook(tenant, 'orders'))
    await cluster.request('DELETE', path.workflow(tenant, 'ship'))
    await gone(cluster, path.webhook(tenant, 'orders'))
    expect(Object.keys(await artefacts(cluster, site.system))).toHaveLength(2)
    await lead()
    await eventually(async () =>
      Object.keys(await artefacts(cluster, site.system)).length === 0 ? true : undefined,
    )
  }),
)

test.concurrent(
  'a Webhook that is deleted while no operator is there waits for it, and is out of the data plane first',
  staged(async ({ tenant, site, lead }) => {
    const first = await lead()
    await cluster.apply([webhook(tenant, 'orders')])
    await says(cluster, path.webhook(tenant, 'orders'), /^True/)
    await first.stop()
    await cluster.request('DELETE', path.webhook(tenant, 'orders'))
    expect((await get(cluster, path.webhook(tenant, 'orders'))).metadata.finalizers).toHaveLength(1)
    await lead()
    await gone(cluster, path.webhook(tenant, 'orders'))
    expect(await artefacts(cluster, site.system)).toEqual({})
  }),
)

const leasePath = ({ system }: Installation): string =>
  `/apis/coordination.k8s.io/v1/namespaces/${system}/leases/hooklet-operator`

const holderOf = async (site: Installation): Promise<string> =>
  (await get<{ spec: { holderIdentity: string } }>(cluster, leasePath(site))).spec.holderIdentity

test.concurrent(
  'of two, one leads; on SIGTERM the other does at once, after a crash within 15 seconds',
  staged(async ({ tenant, site, lead }) => {
    const first = await lead()
    const second = await site.launch('operator')
    await second.logged('Everything was read')
    const holder = await holderOf(site)
    expect(second.log()).not.toContain('This operator leads')

    const stopped = performance.now()
    expect(await first.stop()).toBe(0)
    await second.logged('This operator leads')
    expect(performance.now() - stopped).toBeLessThan(8_000)
    expect(await holderOf(site)).not.toBe(holder)
    await cluster.apply([webhook(tenant, 'after-stop')])
    await says(cluster, path.webhook(tenant, 'after-stop'), /^True/)

    const third = await site.launch('operator')
    await third.logged('Everything was read')
    const crashed = performance.now()
    await second.kill()
    await cluster.apply([webhook(tenant, 'after-crash')])
    await third.logged('This operator leads')
    expect(performance.now() - crashed).toBeLessThan(15_000)
    await says(cluster, path.webhook(tenant, 'after-crash'), /^True/)

    expect(await third.stop()).toBe(0)
    expect(await holderOf(site)).toBe('')
  }),
)

/** How many writes of these resources the API server has taken so far, by verb and resource. */
async function writes(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const metrics = await get<string>(cluster, '/metrics')
  for (const [, labels = '', value] of metrics.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
    const label = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? ''
    const resource = [label('resource'), label('subresource')].filter(Boolean).join('/')
    const ours = ['webhooks', 'webhooks/status', 'workflows', 'workflows/status', 'secrets', 'events']
    if (['GET', 'LIST', 'WATCH'].includes(label('verb')) || !ours.includes(resource)) continue
    const key = `${label('verb')} ${resource}`
    counts[key] = (counts[key] ?? 0) + Number(value)
  }
  return counts
}

function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  const changed = Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)] as const)
  return Object.fromEntries(changed.filter(([, value]) => value !== 0))
}

test(
  'nothing is written that is not a change: not at a restart, not after an echo, and a status once',
  staged(async ({ tenant, lead }) => {
    const first = await lead()
    await cluster.apply([
      configMap(tenant, 'settings', { TOKEN: 'one' }, { 'hooklet.dev/globals': 'true' }),
      ...names(10).flatMap((name) => [
        webhook(tenant, name, { auth: { bearer: { tokens: [{ value: '${ $globals.TOKEN }' }] } } }),
        workflow(tenant, name, { triggers: [{ webhook: name }] }),
      ]),
    ])
    await expectConvergedNames(tenant, 10)
    // Faults, and two that want one token, are no reason to write again and again either.
    const pinned = { tokenFrom: { secretKeyRef: { name: 'pin', key: 'token' } } }
    await cluster.apply([
      secret(tenant, 'pin', { token: 'one-token-that-two-of-them-want' }),
      webhook(tenant, 'holder', pinned),
    ])
    await says(cluster, path.webhook(tenant, 'holder'), /^True/)
    await cluster.apply([
      webhook(tenant, 'rival', pinned),
      workflow(tenant, 'faulty', { do: [{ answer: { call: 'nothing' } }] }),
    ])
    await says(cluster, path.webhook(tenant, 'rival'), /^False DuplicateToken/)
    await says(cluster, path.workflow(tenant, 'faulty'), /^False/)
    await first.stop()
    const before = await writes()

    // A restart with nothing to do, then annotations, which are none of our business.
    await lead()
    const annotated = [...names(10), 'holder', 'rival']
    for (const name of annotated)
      await cluster.kubectl(['annotate', 'webhook', name, '-n', tenant, 'note=seen'])
    // What comes after it is worked on after it.
    await cluster.apply([webhook(tenant, 'last')])
    await says(cluster, path.webhook(tenant, 'last'), /^True/)
    await eventually(async () => {
      const { items } = await get<{ items: { regarding: { name: string } }[] }>(cluster, path.events(tenant))
      return items.some(({ regarding }) => regarding.name === 'last') || undefined
    })

    expect(difference(before, await writes())).toEqual({
      // The annotations, the apply of the last one, and its finalizer.
      'PATCH webhooks': annotated.length + 1,
      'APPLY webhooks': 1,
      'POST secrets': 2,
      'PATCH webhooks/status': 1,
      'POST events': 1,
    })
  }),
)

async function expectConvergedNames(tenant: string, count: number): Promise<void> {
  for (const name of names(count)) {
    await says(cluster, path.webhook(tenant, name), new RegExp(`^True Serving: Calls start ${name}`))
    await says(cluster, path.workflow(tenant, name), /^True/)
  }
}
