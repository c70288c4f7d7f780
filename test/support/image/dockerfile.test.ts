/** The Dockerfile, built as it is, instruction by instruction, and what it makes, run as a cluster runs it. */
import { once } from 'node:events'
import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { hook } from '../../e2e/processes/fleet.ts'
import { startCluster } from '../kubernetes/cluster.ts'
import type { Cluster } from '../kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../kubernetes/manifests.ts'
import { rolesOf } from '../kubernetes/roles.ts'
import { launchMember } from '../member.ts'
import type { Member, MemberRole } from '../member.ts'
import { run } from '../node/daemon.ts'
import { startRedisServer } from '../redis-server.ts'
import type { RedisServer } from '../redis-server.ts'
import { until } from '../until.ts'
import { buildDockerfile } from './buildah.ts'
import type { BuiltImage } from './buildah.ts'
import { createContainers } from './container.ts'
import type { Containers } from './container.ts'
import { HOOKLET_CONFIG, writeHookletImage } from './images.ts'

jest.setTimeout(240_000)

const root = path.join(import.meta.dirname, '../../..')

let image: BuiltImage
let containers: Containers
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-dockerfile-'))
  const began = performance.now()
  image = await buildDockerfile()
  process.stderr.write(`the Dockerfile is built: ${((performance.now() - began) / 1000).toFixed(1)} s\n`)
  containers = createContainers(image)
})
afterAll(async () => {
  await containers?.close()
  await image?.close()
  await rm(folder, { recursive: true, force: true })
})

test('user, folder, entry point and environment are what the tests on a node run with', () => {
  const { User, WorkingDir, Entrypoint, Cmd, Env } = image.config
  expect({ User, WorkingDir, Entrypoint, Cmd }).toEqual({
    User: HOOKLET_CONFIG.User,
    WorkingDir: HOOKLET_CONFIG.WorkingDir,
    Entrypoint: HOOKLET_CONFIG.Entrypoint,
    Cmd: HOOKLET_CONFIG.Cmd,
  })
  expect(Env).toContain('NODE_ENV=production')
})

describe('the files', () => {
  /** npm's own, and the bill of materials, which has a time and an id of its own in each build. */
  const isMeant = (file: string): boolean =>
    file.startsWith('node_modules/.bin/') ||
    ['node_modules/.package-lock.json', 'sbom.spdx.json'].includes(file)

  test('are those of the image that is made without Docker, byte by byte', async () => {
    // That one is made of the packages here, which a forgotten `npm ci` leaves behind.
    expect(await stale()).toEqual([])
    const archive = path.join(folder, 'image.tar')
    await writeHookletImage(archive, ['docker.io/library/hooklet:test'])
    const other = path.join(folder, 'other')
    await mkdir(other)
    await run('tar', ['-C', folder, '-xf', archive])
    const [manifest] = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as [
      { Layers: string[] },
    ]
    for (const layer of manifest.Layers) await run('tar', ['-C', other, '-xf', path.join(folder, layer)])

    const built = await treeOf(path.join(image.rootfs, 'app'))
    const assembled = await treeOf(path.join(other, 'app'))
    expect(built.size).toBeGreaterThan(1000)
    for (const file of built.keys()) if (isMeant(file)) built.delete(file)
    expect(differences(assembled, built)).toEqual([])
  })

  test('can be read by everyone, and changed by root alone', async () => {
    const wrong: string[] = []
    for (const file of await readdir(path.join(image.rootfs, 'app'), { recursive: true })) {
      const { mode, uid } = await lstat(path.join(image.rootfs, 'app', file))
      const isLink = (mode & 0o170_000) === 0o120_000
      if (uid !== 0 || (!isLink && ((mode & 0o004) === 0 || (mode & 0o022) !== 0))) wrong.push(file)
    }
    expect(wrong).toEqual([])
  })

  test('of Node are node alone', async () => {
    const local = path.join(image.rootfs, 'usr/local')
    const left = await readdir(path.join(local, 'bin'))
    expect(left.toSorted()).toEqual(['docker-entrypoint.sh', 'node'])
    const others = ['lib/node_modules', 'include', 'share/doc'].map((name) => lstat(path.join(local, name)))
    for (const outcome of await Promise.allSettled(others)) expect(outcome.status).toBe('rejected')
  })
})

test('the bill of materials is where its label says, and names every package that is there', async () => {
  const labels = image.config.Labels ?? {}
  expect(labels).toMatchObject({
    'org.opencontainers.image.title': 'hooklet',
    'org.opencontainers.image.licenses': 'Apache-2.0',
  })
  const file = path.join(image.rootfs, labels['dev.hooklet.sbom'] ?? 'nowhere')
  const bill = JSON.parse(await readFile(file, 'utf8')) as Bill
  expect(bill.spdxVersion).toMatch(/^SPDX-2\./)
  const named = new Set(bill.packages.map(({ name, versionInfo }) => `${name}@${versionInfo}`))
  const own = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { version: string }
  expect(named.delete(`hooklet@${own.version}`)).toBe(true)
  expect([...named].toSorted()).toEqual((await installed()).toSorted())
})

interface Bill {
  spdxVersion: string
  packages: { name: string; versionInfo: string }[]
}

/** The packages that are there, as `name@version`. */
async function installed(): Promise<string[]> {
  const modules = path.join(image.rootfs, 'app/node_modules')
  const lock = JSON.parse(await readFile(path.join(modules, '.package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  const name = (place: string): string => place.slice(place.lastIndexOf('node_modules/') + 13)
  return [
    ...new Set(Object.entries(lock.packages).map(([place, { version }]) => `${name(place)}@${version}`)),
  ]
}

test('without an argument it says what it can do', async () => {
  const child = containers.start({})
  const exited = once(child, 'close')
  if (child.stdout === null) throw new Error('no output')
  expect(await text(child.stdout)).toContain('hooklet')
  expect((await exited)[0]).toBe(0)
})

describe('operator, ingress and runner, as containers', () => {
  let cluster: Cluster
  let redis: RedisServer
  const members: Member[] = []
  const system = 'hooklet-system'

  beforeAll(async () => {
    ;[cluster, redis] = await Promise.all([startCluster(), startRedisServer()])
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: system } }
    await cluster.apply([...CRD_OBJECTS, namespace])
    await cluster.apply(rolesOf({ system, watched: 'all' }))
  })
  afterAll(async () => {
    await cluster?.close()
    await redis?.close()
  })

  /** With a ServiceAccount's token and the API server's address, as pods have them. */
  async function start(role: MemberRole): Promise<Member> {
    const account = path.join(folder, role)
    await mkdir(account)
    await writeFile(path.join(account, 'token'), await cluster.tokenOf(system, role))
    await writeFile(path.join(account, 'namespace'), system)
    await writeFile(path.join(account, 'ca.crt'), await readFile(cluster.authority))
    const { hostname, port } = new URL(cluster.url)
    const mounts = { '/var/run/secrets/kubernetes.io/serviceaccount': account }
    const env = {
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      HOOKLET_NAMESPACE: system,
      HOOKLET_REDIS: redis.url,
      HOOKLET_DRAIN_SECONDS: '20',
      HOOKLET_ACCEPT_SECONDS: '1',
    }
    const member = await launchMember(role, env, (name, given) =>
      containers.start({ args: [`${name}/main.ts`], env: given as Record<string, string>, mounts }),
    ).ready
    members.push(member)
    return member
  }

  test('answer a call with what a workflow says', async () => {
    const [, ingress] = await Promise.all([start('operator'), start('ingress'), start('runner')])
    const reply = [{ answer: { call: 'reply', with: { body: '${ "Hello, " + .body.name }' } } }]
    await cluster.apply(hook('hello', { response: { mode: 'Reply' } }, reply))
    const there = '/apis/hooklet.dev/v1alpha1/namespaces/default/webhooks/hello'
    const call = async (): Promise<string> => {
      const { body } = await cluster.request<{ status?: { url?: string } }>('GET', there)
      if (body.status?.url === undefined) return ''
      const url = new URL(new URL(body.status.url).pathname, ingress.url)
      const headers = { 'content-type': 'application/json' }
      return (await fetch(url, { method: 'POST', headers, body: '{"name": "Ada"}' })).text()
    }
    let said = ''
    await until(async () => (said = await call()) === 'Hello, Ada', {
      why: () => [said, ...members.map((member) => member.log().slice(-2000))].join('\n'),
    })
  })

  test('run as process 1, as nobody who owns a file, and can write nowhere', async () => {
    const script = `
      const { writeFileSync } = require('node:fs')
      const can = (file) => { try { writeFileSync(file, ''); return true } catch { return false } }
      const written = ['/app/x', '/tmp/x', '/x', '/usr/local/bin/node'].filter(can)
      console.log(JSON.stringify({ pid: process.pid, uid: process.getuid(), gid: process.getgid(), written }))`
    const child = containers.start({ args: ['--eval', script] })
    if (child.stdout === null) throw new Error('no output')
    expect(JSON.parse(await text(child.stdout))).toEqual({ pid: 1, uid: 65532, gid: 65532, written: [] })
  })

  test('end by themselves when they are told to, with success', async () => {
    expect(members).toHaveLength(3)
    expect(await Promise.all(members.map((member) => member.stop()))).toEqual([0, 0, 0])
  })
})

/** The packages here that are not what the lock file says, in production. */
async function stale(): Promise<string[]> {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean }>
  }
  const wrong: string[] = []
  for (const [place, { version, dev }] of Object.entries(lock.packages)) {
    if (place === '' || dev === true) continue
    const own = JSON.parse(await readFile(path.join(root, place, 'package.json'), 'utf8')) as {
      version: string
    }
    if (own.version !== version) wrong.push(`${place} is ${own.version} instead of ${version}`)
  }
  return wrong
}

/** What is under a folder: of files their content, of links where they lead, by path. */
async function treeOf(folder: string): Promise<Map<string, string>> {
  const tree = new Map<string, string>()
  for (const name of await readdir(folder, { recursive: true })) {
    const place = path.join(folder, name)
    const found = await lstat(place)
    if (found.isSymbolicLink()) tree.set(name, `link to ${await readlink(place)}`)
    else if (found.isFile())
      tree.set(
        name,
        createHash('sha256')
          .update(await readFile(place))
          .digest('hex'),
      )
  }
  return new Map([...tree].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function differences(expected: Map<string, string>, found: Map<string, string>): string[] {
  const names = new Set([...expected.keys(), ...found.keys()])
  return [...names]
    .filter((name) => expected.get(name) !== found.get(name))
    .map((name) => `${name}: ${expected.get(name) ?? 'nothing'} became ${found.get(name) ?? 'nothing'}`)
}
