/**
 * Routes name the plans that their calls are for, and who waits for Ready can call: with the operator process
 * on a real API server.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { artefactSelector, decodeArtefact } from '../../artefacts/secret.ts'
import type { ArtefactKind, ArtefactSecret } from '../../artefacts/secret.ts'
import { ARTEFACT_LABEL } from '../../artefacts/secret.ts'
import type { Route } from '../../ingress/route.ts'
import { createApiServer } from '../../kube/api-server.ts'
import { followObjects } from '../../kube/follow.ts'
import type { ApiObject, Following } from '../../kube/follow.ts'
import { resourcePath, SECRETS } from '../../kube/paths.ts'
import type { Plan } from '../../runner/plan.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import {
  artefacts,
  eventually,
  get,
  installLed,
  path,
  says,
  webhook,
  workflow,
  type Installation,
} from './installation.ts'

jest.setTimeout(60_000)

let cluster: Cluster
let site: Installation
let tenant: string
/** Every version of every artefact, in the order in which they were written. */
let written: (Route | Plan)[]
let following: Following
beforeAll(async () => {
  ;({ cluster, site } = await installLed({ watched: 'all' }))
})
afterAll(async () => {
  await site?.close()
  await cluster?.close()
})
beforeEach(async () => {
  tenant = await cluster.namespace('tenant')
  written = []
  const api = createApiServer({ kubeconfig: cluster.kubeconfig, userAgent: 'test' })
  following = followObjects<ApiObject & ArtefactSecret>({
    api,
    path: resourcePath(SECRETS, { namespace: site.system }),
    labelSelector: artefactSelector(),
    sink: {
      put: (secret) => {
        const kind = secret.metadata.labels?.[ARTEFACT_LABEL] as ArtefactKind
        written.push(decodeArtefact(secret, kind) as unknown as Route | Plan)
      },
      remove: () => undefined,
    },
    onFault: () => undefined,
  })
  await following.synced
})
afterEach(() => following.close())

const ready = (name: string, wanted = /^True/): Promise<string> =>
  says(cluster, path.workflow(tenant, name), wanted)

/** What the route names now: `NAME GENERATION`. */
async function named(): Promise<string[]> {
  const found = (await artefacts(cluster, site.system))[`route.${tenant}.orders`] as unknown as Route
  return (found.workflows ?? []).map(({ name, generation }) => `${name} ${generation}`)
}

const uidOf = async (name: string): Promise<string | undefined> =>
  (await get(cluster, path.workflow(tenant, name))).metadata.uid

/** Of all that was written, the first that names a plan that was not written before. */
function premature(): object | undefined {
  const plans = new Set<string>()
  for (const artefact of written) {
    if ('do' in artefact) plans.add(`${artefact.uid}/${artefact.generation}`)
    else if (artefact.workflows?.some(({ uid, generation }) => !plans.has(`${uid}/${generation}`)))
      return artefact
  }
  return undefined
}

test('the first route of a Webhook names the Workflow that was there before, and its plan was published earlier', async () => {
  await cluster.apply([workflow(tenant, 'ship'), webhook(tenant, 'orders')])
  await says(cluster, path.webhook(tenant, 'orders'), /^True Serving: Calls start ship/)
  await ready('ship')
  const uid = await uidOf('ship')
  const routes = await eventually(async () => {
    const found = written.filter((artefact): artefact is Route => 'token' in artefact)
    return found.length > 0 ? found : undefined
  })
  expect(routes.map(({ workflows }) => workflows)).toEqual([[{ name: 'ship', uid, generation: 1 }]])
  expect(premature()).toBeUndefined()
})

test('a Workflow that is Ready is one that calls are accepted for: made, edited, suspended, resumed, made anew', async () => {
  await cluster.apply([webhook(tenant, 'orders')])
  await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
  expect(await named()).toEqual([])
  await cluster.apply([workflow(tenant, 'ship')])
  await ready('ship')
  expect(await named()).toEqual(['ship 1'])
  await cluster.apply([workflow(tenant, 'ship', { do: [{ other: { call: 'reply' } }] })])
  await ready('ship')
  expect(await named()).toEqual(['ship 2'])
  await cluster.apply([workflow(tenant, 'bill')])
  await ready('bill')
  expect(await named()).toEqual(['bill 1', 'ship 2'])
  const edit = (spec: object) => cluster.apply([workflow(tenant, 'ship', spec)])
  await edit({ suspend: true })
  await ready('ship', /^True Suspended/)
  expect(await named()).toEqual(['bill 1'])
  await edit({ suspend: false })
  await ready('ship', /^True Serving/)
  expect(await named()).toEqual(['bill 1', 'ship 4'])
  await cluster.request('DELETE', path.workflow(tenant, 'bill'))
  await eventually(async () => ((await named()).includes('bill 1') ? undefined : true))
  await cluster.apply([workflow(tenant, 'bill')])
  await ready('bill')
  expect((await named())[0]).toBe('bill 1')
  expect(premature()).toBeUndefined()
})

test('an edit with a fault leaves the last good plan, which the route goes on naming', async () => {
  await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
  await ready('ship')
  await cluster.apply([workflow(tenant, 'ship', { do: [{ answer: { call: 'no-such-function' } }] })])
  await ready('ship', /^False/)
  expect(await named()).toEqual(['ship 1'])
})

test('a Workflow with a fault does not keep its Webhook from being served', async () => {
  await cluster.apply([
    webhook(tenant, 'orders'),
    workflow(tenant, 'ship', { do: [{ answer: { call: 'no-such-function' } }] }),
    workflow(tenant, 'bill'),
  ])
  await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
  await ready('ship', /^False/)
  await ready('bill')
  expect(await named()).toEqual(['bill 1'])
})

test('of many Workflows of one Webhook each is named, and nothing is left to do', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `ship-${index}`)
  await cluster.apply([webhook(tenant, 'orders'), ...names.map((name) => workflow(tenant, name))])
  for (const name of names) await ready(name)
  expect(await named()).toHaveLength(60)
  expect(premature()).toBeUndefined()
})
