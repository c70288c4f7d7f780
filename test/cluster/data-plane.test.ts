/** Ingress and runner processes that follow a real API server, each with the rights of its role. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { encodeArtefact } from '../../artefacts/secret.ts'
import type { ArtefactRef } from '../../artefacts/artefact.ts'
import type { ArtefactSecret } from '../../artefacts/secret.ts'
import { hook, WIDE } from '../e2e/processes/fleet.ts'
import { runHooklet } from '../support/hooklet.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { rolesOf } from '../support/kubernetes/roles.ts'
import type { ProcessName } from '../support/kubernetes/roles.ts'
import { startLoad } from '../support/load.ts'
import { launchMember, startMember } from '../support/member.ts'
import type { Launched, Member, MemberRole } from '../support/member.ts'
import { freePort, startRedisServer } from '../support/redis-server.ts'
import type { RedisServer } from '../support/redis-server.ts'

jest.setTimeout(60_000)

let cluster: Cluster
let redis: RedisServer
beforeAll(async () => {
  ;[cluster, redis] = await Promise.all([startCluster(), startRedisServer()])
})
afterAll(() => Promise.all([cluster?.close(), redis?.close()]))

let system: string
let members: Pick<Member, 'kill'>[]
beforeEach(async () => {
  system = await cluster.namespace('system')
  await cluster.apply(rolesOf({ system, watched: [] }))
  members = []
})
afterEach(() => Promise.all(members.map((member) => member.kill())))

async function environment(name: ProcessName): Promise<NodeJS.ProcessEnv> {
  const kubeconfig = await cluster.writeKubeconfig(await cluster.tokenOf(system, name), { namespace: system })
  return { HOOKLET_REDIS: redis.url, HOOKLET_REDIS_PREFIX: system, KUBECONFIG: kubeconfig }
}

async function start(role: MemberRole): Promise<Member> {
  const member = await startMember(role, await environment(role))
  members.push(member)
  return member
}

function launch(role: MemberRole, env: NodeJS.ProcessEnv): Launched {
  const launched = launchMember(role, env)
  members.push(launched)
  return launched
}

/** Compiles the manifests and writes what the operator would. Returns the path of each webhook. */
async function publish(manifests: object[]): Promise<(webhook: string) => string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-published-'))
  try {
    const source = path.join(folder, 'manifests.yaml')
    await writeFile(source, manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n'))
    const out = path.join(folder, 'compiled')
    const { code, stderr } = await runHooklet(['compile', source, '--out', out])
    if (code !== 0) throw new Error(stderr)
    const paths = new Map<string, string>()
    const secrets: ArtefactSecret[] = []
    for (const file of await readdir(out)) {
      const artefact = JSON.parse(await readFile(path.join(out, file), 'utf8')) as ArtefactRef & {
        token?: string
      }
      const kind = file.endsWith('.route.json') ? 'route' : 'plan'
      secrets.push(encodeArtefact(artefact, { kind, namespace: system }))
      if (artefact.token !== undefined) paths.set(artefact.name, `/webhooks/${artefact.token}`)
    }
    await cluster.apply(secrets)
    return (webhook) => paths.get(webhook) ?? `/unknown/${webhook}`
  } finally {
    await rm(folder, { recursive: true })
  }
}

const echo = hook('echo', { response: { mode: 'Reply' }, limits: WIDE }, [
  { answer: { call: 'reply', with: { body: '${ {n: .body.n} }' } } },
])

async function call(url: string, n: number): Promise<{ status: number; text: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ n }),
  })
  return { status: response.status, text: await response.text() }
}

const isRefused = (url: string): Promise<boolean> =>
  fetch(url).then(
    () => false,
    () => true,
  )

test('an API server that is restarted under load fails no call, and what changed is served when it is back', async () => {
  const pathOf = await publish(echo)
  const [ingress] = [await start('ingress'), await start('runner')]
  const url = ingress.url + pathOf('echo')
  const load = startLoad(8, async (n) => {
    const answer = await call(url, n)
    return answer.status === 200 && answer.text === JSON.stringify({ n }) ? undefined : answer
  })
  await load.served(100)
  await cluster.apiServer.kill()
  await ingress.logged('Routes can not be followed', 2)
  await load.served(100)
  await cluster.apiServer.start()
  const later = await publish(hook('later', {}, [{ nothing: { set: { a: 1 } } }]))
  while ((await call(ingress.url + later('later'), 0)).status !== 200);
  expect(await load.stop()).toBeGreaterThan(200)
  expect(load.wrong).toEqual([])
})

test('an ingress takes no call, and a runner is not ready, before the first complete list', async () => {
  const pathOf = await publish(echo)
  const port = await freePort()
  const healthPort = await freePort()
  const [forIngress, forRunner] = [await environment('ingress'), await environment('runner')]
  await cluster.apiServer.kill()
  const late = launch('ingress', { ...forIngress, HOOKLET_PORT: String(port) })
  const runner = launch('runner', { ...forRunner, HOOKLET_HEALTH_PORT: String(healthPort) })
  try {
    await late.logged('Routes can not be followed', 2)
    await runner.logged('Plans can not be followed', 2)
    expect(await isRefused(`http://127.0.0.1:${port}/`)).toBe(true)
    expect(await isRefused(`http://127.0.0.1:${healthPort}/readyz`)).toBe(true)
  } finally {
    await cluster.apiServer.start()
  }
  const [{ url }] = await Promise.all([late.ready, runner.ready])
  expect(await call(url + pathOf('echo'), 7)).toEqual({ status: 200, text: '{"n":7}' })
})

test('a process that waits for the API server ends when it is asked to', async () => {
  const [forIngress, forRunner] = [await environment('ingress'), await environment('runner')]
  await cluster.apiServer.kill()
  try {
    const [ingress, runner] = [launch('ingress', forIngress), launch('runner', forRunner)]
    await ingress.logged('Routes can not be followed')
    await runner.logged('Plans can not be followed')
    expect([await ingress.stop(), await runner.stop()]).toEqual([0, 0])
  } finally {
    await cluster.apiServer.start()
  }
})

test('a process whose rights are missing says so, and takes no call', async () => {
  const token = await cluster.tokenOf(system, 'nobody')
  const kubeconfig = await cluster.writeKubeconfig(token, { namespace: system })
  const ingress = launch('ingress', { ...(await environment('ingress')), KUBECONFIG: kubeconfig })
  await ingress.logged('Routes can not be followed')
  expect(ingress.log()).toContain('is forbidden')
  expect(await ingress.stop()).toBe(0)
})

test('kill -9 of an ingress: another serves on, and a new one knows every route when it listens', async () => {
  const hooks = Array.from({ length: 20 }, (_, index) =>
    hook(`hook-${index}`, { limits: WIDE }, [{ nothing: { set: { a: 1 } } }]),
  )
  const pathOf = await publish(hooks.flat())
  const [dying, staying] = [await start('ingress'), await start('ingress')]
  await dying.kill()
  const back = await start('ingress')
  for (const { url } of [staying, back])
    for (let index = 0; index < 20; index++)
      expect((await call(url + pathOf(`hook-${index}`), 0)).status).toBe(200)
})
