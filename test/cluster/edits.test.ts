/**
 * Runs that sleep while their Workflow is edited, or made anew, and every runner is another process when they
 * wake.
 */
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { hook } from '../e2e/processes/fleet.ts'
import type { KubeObject } from '../support/kubernetes/cluster.ts'
import { get, path, says, type Reported } from './installation.ts'
import { refusedIn, startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(120_000)

let site: Site
let tenant: string
beforeAll(async () => {
  site = await startSite({ env: { HOOKLET_LOG_LEVEL: 'debug' } })
})
afterAll(() => site?.close())
beforeEach(async () => {
  tenant = await site.cluster.namespace('tenant')
})

/** A Webhook whose callers hear this after so many seconds. */
const saying = (name: string, body: string, seconds: number): object[] =>
  hook(name, { response: { mode: 'Reply' } }, [
    { rest: { wait: { seconds } } },
    { answer: { call: 'reply', with: { body } } },
  ]).map((object) => ({ ...object, metadata: { name, namespace: tenant } }))

async function ready(...names: string[]): Promise<void> {
  for (const name of names) {
    await says(site.cluster, path.webhook(tenant, name), /^True/)
    await says(site.cluster, path.workflow(tenant, name), /^True/)
  }
}

async function call(name: string): Promise<string> {
  const { status } = await get<Reported>(site.cluster, path.webhook(tenant, name))
  const response = await fetch(status?.url ?? '')
  return `${response.status} ${await response.text()}`
}

const uidOf = async (name: string): Promise<string | undefined> =>
  (await get(site.cluster, path.workflow(tenant, name))).metadata.uid

test('each goes on by the plan that it began with, and none by that of another Workflow of its name', async () => {
  await site.cluster.apply([...saying('edited', 'as it was', 12), ...saying('remade', 'as it was', 12)])
  await ready('edited', 'remade')
  await site.routed()
  const answers = [call('edited'), call('remade')]
  const [runner] = site.runners
  await runner?.logged('Run set aside', 2)

  const former = await uidOf('remade')
  await site.cluster.request('DELETE', path.workflow(tenant, 'remade'))
  await site.cluster.apply([...saying('edited', 'edited', 0), ...saying('remade', 'made anew', 0)])
  await ready('edited', 'remade')
  const { metadata } = await get<KubeObject & { metadata: { generation: number } }>(
    site.cluster,
    path.workflow(tenant, 'remade'),
  )
  expect(metadata.generation).toBe(1)
  expect(metadata.uid).not.toBe(former)
  await runner?.stop()
  await site.start('runner')

  expect(await Promise.all([call('edited'), call('remade')])).toEqual(['200 edited', '200 made anew'])
  const [edited, remade] = await Promise.all(answers)
  expect(edited).toBe('200 as it was')
  expect(remade).toBe('502 {"error":"Workflow failed"}')
  expect(refusedIn(site)).toEqual([])
})
