/** A real node where the commands of the documentation are run, and what tests look at there. */
import { chown, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { writeHookletImage, writeRedisImage } from '../../support/image/images.ts'
import { helmProgram } from '../../support/kubernetes/helm.ts'
import { findPrograms } from '../../support/kubernetes/programs.ts'
import { run, tryRun } from '../../support/node/daemon.ts'
import { startKind } from '../../support/node/kind.ts'
import { startNode } from '../../support/node/node.ts'
import type { Node } from '../../support/node/node.ts'
import { freePort } from '../../support/redis-server.ts'
import { createReader } from './pages.ts'
import type { Reader } from './pages.ts'

export const SYSTEM = 'hooklet-system'
const root = path.join(import.meta.dirname, '../../..')

/** As in the chart's values. */
const REDIS_USER = 999
/** How often the embedded Redis is installed anew, with a volume of its own. */
const VOLUMES = 3

export const NEXT_VERSION = '0.2.0'
/** As README and the page on installing call it, and one of a version that is to come. */
const HOOKLET_IMAGES = [
  'docker.io/library/hooklet:0.1.0',
  'registry.example.com/hooklet:0.1.0',
  `registry.example.com/hooklet:${NEXT_VERSION}`,
]

export interface Place {
  node: Node
  /** Somebody who follows the pages, in a folder with the source, with the newest or the oldest Helm. */
  reader(which: 'newest' | 'oldest', instead?: Record<string, string>): Reader
  /** The folder where readers run their commands. */
  folder: string
  /** The port of the machine that stands for 8080. */
  port: number
  /** Puts a next version of the chart there: of other images, and with one more field in a CRD. */
  pull(): Promise<void>
  /** Runs kubectl; its output. Rejects when it fails. */
  kubectl(args: string[], input?: string): Promise<string>
  /**
   * The address of the Service in front of the ingress pods from outside, once it is a NodePort:
   * `http://HOST:PORT`.
   */
  service(): Promise<string>
  close(): Promise<void>
}

/** A node with the images, and volumes for Redis. */
export async function preparePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-place-'))
  const kind = process.env['HOOKLET_E2E'] === 'kind'
  const archives = kind ? buildImages(folder) : writeImages(folder)
  // It is told of where they are loaded.
  archives.catch(() => undefined)
  const node = await (kind ? startKind() : startNode())
  const close = async (): Promise<void> => {
    await node.close()
    await archives.catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const archive of await archives) {
      await node.load(archive)
      await rm(archive)
    }
    if (!node.providesVolumes)
      for (let n = 0; n < VOLUMES; n++)
        await node.cluster.apply([await volume(path.join(folder, `data-${n}`))])
    await layOut(folder)
  } catch (error) {
    await close()
    throw error
  }
  const port = (await isFree(8080)) ? 8080 : await freePort()
  const kubectl: Place['kubectl'] = async (args, input) => {
    const { code, stdout, stderr } = await node.cluster.kubectl(args, input === undefined ? {} : { input })
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  return {
    node,
    folder,
    port,
    close,
    kubectl,
    reader: (which, instead = {}) =>
      createReader({
        folder: path.join(folder, 'source'),
        env: {
          PATH: `${path.join(folder, which)}:${process.env['PATH']}`,
          KUBECONFIG: node.cluster.kubeconfig,
          HOME: folder,
        },
        explain: () => describe(kubectl),
        instead: { ...(port === 8080 ? {} : { 8080: String(port) }), ...instead },
      }),
    async pull() {
      const chart = path.join(folder, 'source/charts')
      await rm(chart)
      await cp(path.join(root, 'charts'), chart, { recursive: true })
      const edit = async (file: string, from: string | RegExp, to: string): Promise<void> => {
        const target = path.join(chart, 'hooklet', file)
        const text = await readFile(target, 'utf8')
        if (text.replace(from, to) === text) throw new Error(`${file} has nothing to change`)
        await writeFile(target, text.replace(from, to))
      }
      await edit('Chart.yaml', /^version: .*$/m, `version: ${NEXT_VERSION}`)
      await edit('Chart.yaml', /^appVersion: .*$/m, `appVersion: ${NEXT_VERSION}`)
      await edit('files/crds/webhook.yaml', /^( *)displayName:$/m, '$1nextField: { type: string }\n$&')
    },
    async service() {
      const address = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
      const [host, nodePort] = await Promise.all([
        kubectl(['get', 'nodes', '-o', address]),
        kubectl([
          'get',
          'service',
          'hooklet-ingress',
          '-n',
          SYSTEM,
          '-o',
          'jsonpath={.spec.ports[0].nodePort}',
        ]),
      ])
      return `http://${host}:${nodePort}`
    },
  }
}

/** The archives of the images, on a machine with Docker; Redis comes from its registry there. */
async function buildImages(folder: string): Promise<string[]> {
  const archive = path.join(folder, 'image.tar')
  const [first = '', ...others] = HOOKLET_IMAGES
  await run('docker', ['build', '--tag', first, root])
  for (const name of others) await run('docker', ['tag', first, name])
  await run('docker', ['save', '--output', archive, ...HOOKLET_IMAGES])
  return [archive]
}

/** The archives of the images, without Docker and registry. */
async function writeImages(folder: string): Promise<string[]> {
  const [redis, hooklet] = [path.join(folder, 'redis.tar'), path.join(folder, 'hooklet.tar')]
  const values = await readFile(path.join(root, 'charts/hooklet/values.yaml'), 'utf8')
  const image = /^ +image: (\S+)$/m.exec(values)?.[1] ?? ''
  const program = await writeRedisImage(redis, [`docker.io/${image}`])
  process.stderr.write(`${image} is here: ${await tryRun(`${program}-server`, ['--version'])}`)
  await writeHookletImage(hooklet, HOOKLET_IMAGES)
  return [redis, hooklet]
}

/** The programs that the pages name, and the source as it is after `git clone`. */
async function layOut(folder: string): Promise<void> {
  const programs = findPrograms(process.env) ?? ''
  for (const which of ['newest', 'oldest'] as const) {
    await mkdir(path.join(folder, which))
    await symlink(helmProgram(which), path.join(folder, which, 'helm'))
    await symlink(path.join(programs, 'kubectl'), path.join(folder, which, 'kubectl'))
  }
  await mkdir(path.join(folder, 'source'))
  for (const name of ['charts', 'examples'])
    await symlink(path.join(root, name), path.join(folder, 'source', name))
}

/** A volume for Redis: a folder of the machine. */
async function volume(folder: string): Promise<object> {
  await mkdir(folder)
  await chown(folder, REDIS_USER, REDIS_USER)
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: path.basename(folder) },
    spec: {
      capacity: { storage: '2Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: folder, type: 'Directory' },
    },
  }
}

async function isFree(port: number): Promise<boolean> {
  return fetch(`http://localhost:${port}/`, { signal: AbortSignal.timeout(1000) }).then(
    () => false,
    (error: Error) => JSON.stringify(error.cause).includes('ECONNREFUSED'),
  )
}

async function describe(kubectl: Place['kubectl']): Promise<string> {
  const commands = [
    ['get', 'pods', '--all-namespaces', '-o', 'wide'],
    ['get', 'events', '-n', SYSTEM],
    ['logs', '-n', SYSTEM, '--selector', 'app.kubernetes.io/part-of=hooklet', '--tail=5', '--prefix'],
  ]
  return (await Promise.all(commands.map((args) => kubectl(args).catch(String)))).join('\n')
}
