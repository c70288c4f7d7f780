/** What a real node needs of the machine, and how it gets it. */
import { spawnSync } from 'node:child_process'
import { buildPrograms } from '../kubernetes/build.ts'
import { cached, KUBERNETES_VERSION, NODE_PROGRAMS, runnable } from '../kubernetes/programs.ts'
import { fillFolder } from '../kubernetes/provide.ts'

/** Debian's packages, and a program of each. */
const PACKAGES: Record<string, string> = {
  containerd: 'containerd',
  runc: 'runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iptables: 'iptables',
  nftables: 'nft',
  conntrack: 'conntrack',
  iproute2: 'ip',
}

/** The folder with kubelet, kube-proxy, kube-controller-manager and kube-scheduler. */
export function nodePrograms(env: NodeJS.ProcessEnv): string {
  return cached(env, `node-${KUBERNETES_VERSION}`)
}

const isThere = (folder: string): boolean => NODE_PROGRAMS.every((program) => runnable(folder, program))
const found = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0
const missing = (): string[] =>
  Object.entries(PACKAGES)
    .filter(([, program]) => !found(program))
    .map(([name]) => name)

/** Why a node can't be started here; undefined when it can. */
export function nodeFault(env: NodeJS.ProcessEnv): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'It needs root on Linux.'
  if (!canMount()) return 'This container may not mount file systems.'
  if (missing().length > 0) return `There is no ${missing().join(', ')}.`
  if (!isThere(nodePrograms(env))) return `${NODE_PROGRAMS.join(', ')} could not be built: install Go.`
  return undefined
}

/**
 * Gets what tests on a node need. False when nobody asked for them (`wanted` undefined), or they are left out
 * on purpose (`none`). Where a node was asked for, as CI does, and can't be had, it says so and gives true:
 * the tests then fail, and tell why, and all others are still run.
 */
export async function provideNode(
  env: NodeJS.ProcessEnv,
  wanted: string | undefined,
  say = (line: string): void => void process.stderr.write(`${line}\n`),
): Promise<boolean> {
  if (wanted === undefined || wanted === 'none') {
    const how = 'They run in CI, and with HOOKLET_E2E=node (root on Linux) or HOOKLET_E2E=kind (Docker).'
    const why = wanted === 'none' ? 'HOOKLET_E2E=none leaves them out.' : how
    say(`\n*** SKIPPED: the tests on a real node. ${why}\n`)
    return false
  }
  if (wanted === 'kind') return true
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0
  if (isRoot && canMount()) await getNode(env, say)
  const fault = nodeFault(env)
  if (fault !== undefined) say(`\n*** The tests on a real node will fail. ${fault} ${WAYS_OUT}\n`)
  return true
}

export const WAYS_OUT = 'With Docker, HOOKLET_E2E=kind runs them on kind; HOOKLET_E2E=none leaves them out.'

/** Packages with apt-get, programs with Go. What it can't get is noticed afterwards. */
async function getNode(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<void> {
  if (missing().length > 0 && found('apt-get')) {
    say(`Tests on a real node need ${missing().join(', ')}: installing with apt-get.`)
    const options = {
      stdio: 'ignore' as const,
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    }
    spawnSync('apt-get', ['update'], options)
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing()], options)
  }
  const folder = nodePrograms(env)
  if (isThere(folder) || missing().length > 0) return
  say(`Tests on a real node need ${NODE_PROGRAMS.join(', ')}; they are built once for the machine.`)
  await fillFolder(
    folder,
    () => isThere(folder),
    (place) => buildPrograms(place, NODE_PROGRAMS, { go: 'go', say }),
  ).catch((error: unknown) => say((error as Error).message))
}

/** A user may be root and still not be allowed to. */
function canMount(): boolean {
  const script = 'unshare --mount sh -c "mount -t tmpfs none /mnt"'
  return spawnSync('sh', ['-c', script], { stdio: 'ignore' }).status === 0
}
