/** Plans of former generations, kept by the operator process on a real API server under its role. */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { decodeFormerPlan, FORMER_PLAN_LABEL } from '../../artefacts/former.ts'
import type { ArtefactSecret } from '../../artefacts/secret.ts'
import type { Plan } from '../../runner/plan.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import type { Launched } from '../support/member.ts'
import {
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
let operator: Launched
let tenant: string
beforeAll(async () => {
  ;({ cluster, site, operator } = await installLed({ watched: 'all' }))
})
afterAll(async () => {
  await site?.close()
  await cluster?.close()
})
beforeEach(async () => {
  tenant = await cluster.namespace('tenant')
  await cluster.apply([webhook(tenant, 'orders'), generation(1)])
  await says(cluster, path.workflow(tenant, 'ship'), /^True/)
})

/** The Workflow after so many edits. */
const generation = (nth: number): object =>
  workflow(tenant, 'ship', { do: [{ [`step-${nth}`]: { call: 'reply' } }] })

async function edit(nth: number): Promise<void> {
  await cluster.apply([generation(nth)])
  await says(cluster, path.workflow(tenant, 'ship'), /^True/)
}

/** What is kept of the tenant's: `GENERATION TASK`. */
async function kept(): Promise<string[]> {
  const selector = encodeURIComponent(`${FORMER_PLAN_LABEL},hooklet.dev/source-namespace=${tenant}`)
  const target = `${path.secret(site.system)}?labelSelector=${selector}`
  const { items } = await get<{ items: ArtefactSecret[] }>(cluster, target)
  return items
    .map((secret) => decodeFormerPlan(secret) as unknown as Plan)
    .toSorted((a, b) => a.generation - b.generation)
    .map((plan) => `${plan.generation} ${plan.do[0]?.name}`)
}

test('an edit keeps the plan of before, as it was; of the same generation nothing is kept twice', async () => {
  expect(await kept()).toEqual([])
  await edit(2)
  expect(await kept()).toEqual(['1 step-1'])
  await edit(3)
  expect(await kept()).toEqual(['1 step-1', '2 step-2'])
})

test('the last ten are kept', async () => {
  for (let nth = 2; nth <= 14; nth++) await edit(nth)
  const tasks = Array.from({ length: 10 }, (_, index) => `${index + 4} step-${index + 4}`)
  await eventually(async () => (JSON.stringify(await kept()) === JSON.stringify(tasks) ? true : undefined))
})

test('they go with the Workflow, also when no operator sees that it goes', async () => {
  await edit(2)
  await cluster.request('DELETE', path.workflow(tenant, 'ship'))
  await eventually(async () => ((await kept()).length === 0 ? true : undefined))

  await cluster.apply([generation(1)])
  await edit(2)
  expect(await kept()).toEqual(['1 step-1'])
  await operator.stop()
  await cluster.request('DELETE', path.workflow(tenant, 'ship'))
  // Of the same name, and of no generation that the former one had.
  await cluster.apply([generation(1)])
  operator = await site.launch('operator')
  await operator.logged('This operator leads')
  await eventually(async () => ((await kept()).length === 0 ? true : undefined))
})

test('a fault, a fresh start and a change of what it refers to keep nothing', async () => {
  await cluster.apply([workflow(tenant, 'ship', { do: [{ answer: { call: 'no-such-function' } }] })])
  await says(cluster, path.workflow(tenant, 'ship'), /^False/)
  expect(await kept()).toEqual([])
  await edit(3)
  expect(await kept()).toEqual(['1 step-1'])
  await operator.stop()
  operator = await site.launch('operator')
  await operator.logged('Everything is in place')
  expect(await kept()).toEqual(['1 step-1'])
})
