/**
 * One real node: kubelet, containerd, kube-proxy, controllers and scheduler beside the control plane of a
 * test. Needs root on Linux and the packages that `provide.ts` names; what it makes on the machine is removed
 * by `close`.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { writePauseImage } from '../image/images.ts'
import { freePort } from '../redis-server.ts'
import { startCluster } from '../kubernetes/cluster.ts'
import type { Cluster } from '../kubernetes/cluster.ts'
import {
  BRIDGE,
  containerdConfig,
  kubeletConfig,
  networkConfig,
  POD_NETWORK,
  proxyConfig,
  SERVICE_NETWORK,
} from './config.ts'
import { run, startDaemon, tryRun } from './daemon.ts'
import { until } from '../until.ts'
import type { Daemon } from './daemon.ts'
import { serveDns } from './dns.ts'
import { nodeFault, nodePrograms, WAYS_OUT } from './provide.ts'

export interface Node {
  cluster: Pick<Cluster, 'apply' | 'kubectl' | 'kubeconfig'>
  /** Of this machine, as pods reach it. */
  address: string
  /** Whether it makes volumes for claims. */
  providesVolumes: boolean
  /** Makes an image known, from its archive. */
  load(archive: string): Promise<void>
  /** What its programs said last, for when a test fails. */
  log(): string
  close(): Promise<void>
}

export async function startNode(env: NodeJS.ProcessEnv = process.env): Promise<Node> {
  const fault = nodeFault(env)
  if (fault !== undefined) throw new Error(`No node can be started here. ${fault} ${WAYS_OUT}`)
  const programs = nodePrograms(env)
  const address = ownAddress()
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-node-'))
  const cluster = await startCluster(env, { address })
  const daemons: Record<string, Daemon> = {}
  const undo: (() => Promise<unknown>)[] = [() => cluster.close()]
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) await step().catch(() => undefined)
    await rm(folder, { recursive: true, force: true })
  }
  const start = (name: string, program: string, args: string[]): void => {
    const daemon = startDaemon(program, args)
    daemons[name] = daemon
    undo.push(() => daemon.stop())
  }
  const own = (name: string, settings: Record<string, string>): void =>
    start(
      name,
      path.join(programs, name),
      Object.entries(settings).map(([flag, value]) => `--${flag}=${value}`),
    )
  const file = async (name: string, content: string | object): Promise<string> => {
    const target = path.join(folder, name)
    await mkdir(path.dirname(target), { recursive: true })
    await writeFile(target, typeof content === 'string' ? content : JSON.stringify(content))
    return target
  }
  const ctr = (...args: string[]): Promise<string> =>
    run('ctr', ['--address', `${folder}/containerd.sock`, '--namespace', 'k8s.io', ...args])
  const log = (): string =>
    Object.entries(daemons)
      .map(([name, daemon]) => `== ${name}\n${daemon.log().slice(-3000)}`)
      .join('\n')

  try {
    const dns = await serveDns(cluster, address)
    undo.push(() => dns.close())
    // Who has the port of the DNS has the machine: another node's traces are not touched.
    undo.push(() => removeTraces(folder, path.join(programs, 'kube-proxy')))
    const { kubeconfig } = cluster
    own('kube-controller-manager', {
      kubeconfig,
      'use-service-account-credentials': 'false',
      'service-account-private-key-file': cluster.tokenKey,
      'root-ca-file': cluster.authority,
      'leader-elect': 'false',
      'cluster-cidr': POD_NETWORK,
      'service-cluster-ip-range': SERVICE_NETWORK,
      'secure-port': '0',
    })
    own('kube-scheduler', { kubeconfig, 'leader-elect': 'false', 'secure-port': '0' })

    await file('cni/10-hooklet.conflist', networkConfig(folder))
    const snapshotter = (await canOverlay(folder)) ? 'overlayfs' : 'native'
    start('containerd', 'containerd', [
      '--config',
      await file('containerd.toml', containerdConfig({ folder, snapshotter })),
    ])
    await until(
      async () => (await tryRun('ctr', ['--address', `${folder}/containerd.sock`, 'version'])) !== '',
      {
        withinMs: 20_000,
        why: log,
      },
    )
    undo.push(() => endTasks(ctr))
    own('kubelet', {
      config: await file('kubelet.yaml', kubeletConfig({ folder, address })),
      kubeconfig,
      'root-dir': `${folder}/kubelet`,
      'node-ip': address,
      'cert-dir': `${folder}/kubelet-certificates`,
    })
    own('kube-proxy', {
      config: await file(
        'kube-proxy.yaml',
        proxyConfig({ kubeconfig, ports: [await freePort(), await freePort()] }),
      ),
    })
    undo.push(() => deletePods(cluster))
    const ready = async (): Promise<boolean> => {
      if (Object.values(daemons).some((daemon) => daemon.hasEnded())) throw new Error(log())
      return (await isReady(cluster)) && (await servesServices())
    }
    await until(ready, { withinMs: 60_000, why: log })
    const load: Node['load'] = async (archive) => void (await ctr('images', 'import', archive))
    const pause = path.join(folder, 'pause.tar')
    await writePauseImage(pause)
    await load(pause)
    return {
      cluster,
      address,
      providesVolumes: false,
      log,
      close,
      load,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * An address of the machine that is no loopback: pods reach the API server there, and the API server the
 * kubelet.
 */
function ownAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('10.244.'))
  if (!found) throw new Error('the machine has no address but loopback')
  return found.address
}

/** Whether layers can be laid over each other here, which is faster than copying them. */
async function canOverlay(folder: string): Promise<boolean> {
  const at = (name: string): string => path.join(folder, 'overlay', name)
  for (const name of ['lower', 'upper', 'work', 'merged']) await mkdir(at(name), { recursive: true })
  const layers = `lowerdir=${at('lower')},upperdir=${at('upper')},workdir=${at('work')}`
  const mounted = await run('mount', ['-t', 'overlay', 'overlay', '-o', layers, at('merged')]).then(
    () => true,
    () => false,
  )
  if (mounted) await run('umount', [at('merged')])
  return mounted
}

async function isReady(cluster: Cluster): Promise<boolean> {
  interface Status {
    status?: { conditions?: { type: string; status: string }[] }
  }
  const { body } = await cluster.request<Status>('GET', `/api/v1/nodes/${hostname().toLowerCase()}`)
  return (body.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
}

/** Whether the packet filter knows of Services. */
async function servesServices(): Promise<boolean> {
  return (await tryRun('nft', ['list', 'chain', 'ip', 'kube-proxy', 'services'])) !== ''
}

/** The kubelet takes down what it has made for them. */
async function deletePods(cluster: Cluster): Promise<void> {
  // What would make them again must go first.
  const owners = ['deployments', 'statefulsets', 'daemonsets', 'jobs', 'replicasets']
  await cluster.kubectl([
    'delete',
    owners.join(','),
    '--all',
    '--all-namespaces',
    '--cascade=orphan',
    '--wait=false',
  ])
  await cluster.kubectl(['delete', 'pods', '--all', '--all-namespaces', '--grace-period=1', '--timeout=30s'])
}

/** What still runs although its pod is gone. */
async function endTasks(ctr: (...args: string[]) => Promise<string>): Promise<void> {
  const ids = (await ctr('tasks', 'ls', '-q')).split('\n').filter((id) => id !== '')
  for (const id of ids) await ctr('tasks', 'rm', '--force', id).catch(() => undefined)
}

/** Mounts, the bridge, and the rules of the packet filter. */
async function removeTraces(folder: string, proxy: string): Promise<void> {
  const mounts = (await readFile('/proc/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((place) => place.startsWith(`${folder}/`))
  for (const place of mounts.toReversed()) await tryRun('umount', ['--lazy', place])
  await tryRun('ip', ['link', 'delete', BRIDGE])
  await removeMasquerades()
  await tryRun(proxy, ['--cleanup'])
}

/** What the bridge's plugin adds for each pod, and takes away with it, unless the pod was killed. */
async function removeMasquerades(): Promise<void> {
  const nat = (...args: string[]): Promise<string> => tryRun('iptables', ['--table', 'nat', ...args])
  const rules = (await nat('--list-rules', 'POSTROUTING')).split('\n')
  for (const rule of rules) {
    const [, source, chain] =
      /^-A POSTROUTING -s (\S+) .*"name: \\"hooklet\\".* -j (CNI-\w+)$/.exec(rule) ?? []
    if (source === undefined || chain === undefined) continue
    const number = (await nat('--list-rules', 'POSTROUTING')).split('\n').indexOf(rule)
    await nat('--delete', 'POSTROUTING', String(number))
    await nat('--flush', chain)
    await nat('--delete-chain', chain)
  }
}
