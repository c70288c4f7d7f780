/** Hooklet, installed with Helm on a real node, and what tests do with it. */
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { HOOKLET_IMAGE, REDIS_IMAGE, writeHookletImage, writeRedisImage } from '../../support/image/images.ts'
import { helm } from '../../support/kubernetes/helm.ts'
import { run } from '../../support/node/daemon.ts'
import { startKind } from '../../support/node/kind.ts'
import { startNode } from '../../support/node/node.ts'
import type { Node } from '../../support/node/node.ts'

export const SYSTEM = 'hooklet-system'
const CHART = path.join(import.meta.dirname, '../../../charts/hooklet')

/** As in the chart's values. */
const REDIS_USER = 999

export interface Place {
  node: Node
  /** Runs kubectl; its output. Rejects when it fails. */
  kubectl(args: string[], input?: string): Promise<string>
  /** `helm COMMAND hooklet`, with the values that the place needs; its output. Rejects when it fails. */
  helm(command: 'install' | 'upgrade' | 'uninstall', ...args: string[]): Promise<string>
  /** The address of the Service in front of the ingress pods: `http://HOST:PORT`. */
  service(): Promise<string>
  close(): Promise<void>
}

/** A node with the images, a namespace where only restricted pods may run, and a volume for Redis. */
export async function preparePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-place-'))
  const kind = process.env['HOOKLET_E2E'] === 'kind'
  const node = await (kind ? startKind() : startNode())
  const close = async (): Promise<void> => {
    await node.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const write of [writeRedisImage, kind ? buildHookletImage : writeHookletImage]) {
      const archive = path.join(folder, 'image.tar')
      await write(archive)
      await node.load(archive)
      await rm(archive)
    }
    await node.cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: SYSTEM, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
    ])
    if (!node.providesVolumes) await node.cluster.apply([await volume(path.join(folder, 'data'))])
  } catch (error) {
    await close()
    throw error
  }

  const { kubeconfig } = node.cluster
  const kubectl: Place['kubectl'] = async (args, input) => {
    const { code, stdout, stderr } = await node.cluster.kubectl(args, input === undefined ? {} : { input })
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  return {
    node,
    close,
    kubectl,
    async helm(command, ...args) {
      const values =
        command === 'uninstall' ? [] : [CHART, ...imageValues().flatMap((value) => ['--set', value])]
      const { code, stdout, stderr } = await helm(
        [command, 'hooklet', ...values, '--namespace', SYSTEM, ...args],
        {
          env: { KUBECONFIG: kubeconfig, HOME: folder },
        },
      )
      if (code !== 0) throw new Error(`helm ${command}: ${stderr}\n${await describe(kubectl)}`)
      return stdout
    },
    async service() {
      const [address, port] = await Promise.all([
        kubectl([
          'get',
          'nodes',
          '-o',
          'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
        ]),
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
      return `http://${address}:${port}`
    },
  }
}

/** Our image as users build it. */
async function buildHookletImage(archive: string): Promise<void> {
  await run('docker', ['build', '--tag', HOOKLET_IMAGE, path.join(CHART, '../..')])
  await run('docker', ['save', '--output', archive, HOOKLET_IMAGE])
}

/** A volume for Redis: a folder of the machine. */
async function volume(folder: string): Promise<object> {
  await mkdir(folder)
  await chown(folder, REDIS_USER, REDIS_USER)
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'redis' },
    spec: {
      capacity: { storage: '2Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: folder, type: 'Directory' },
    },
  }
}

function imageValues(): string[] {
  const [repository, tag] = HOOKLET_IMAGE.split(':')
  return [
    `image.repository=docker.io/${repository}`,
    `image.tag=${tag}`,
    'image.pullPolicy=Never',
    `redis.embedded.image=docker.io/${REDIS_IMAGE}`,
    'redis.embedded.pullPolicy=Never',
    // Reached from the machine, and not only from pods.
    'ingress.service.type=NodePort',
  ]
}

/** What may tell why pods are not ready. */
async function describe(kubectl: Place['kubectl']): Promise<string> {
  const commands = [
    ['get', 'pods', '--all-namespaces', '-o', 'wide'],
    ['get', 'events', '-n', SYSTEM],
    ['logs', '-n', SYSTEM, '--selector', 'app.kubernetes.io/part-of=hooklet', '--tail=5', '--prefix'],
  ]
  return (await Promise.all(commands.map((args) => kubectl(args).catch(String)))).join('\n')
}

export interface Answer {
  status: number
  text: string
}

/** Calls over connections that are kept, as proxies do; no call is tried twice. */
export function createCaller(): { post(url: string, body: unknown): Promise<Answer>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    async post(url, body) {
      const payload = JSON.stringify(body)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
      const outgoing = request(url, { method: 'POST', agent, headers, timeout: 30_000 })
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 30 s')))
      outgoing.end(payload)
      const [response] = await once(outgoing, 'response')
      return { status: response.statusCode, text: await text(response) }
    },
    close: () => agent.destroy(),
  }
}
