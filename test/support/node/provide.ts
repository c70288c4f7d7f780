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

/**
 * Makes sure that tests can start a node. False, with the reason said aloud, where that can't be had: without Linux, root and the right to mount,
 * which hosted CI and laptops rarely give (there the same tests run on `kind`), it is no fault of the code.
 */
export async function provideNode(env: NodeJS.ProcessEnv, wanted: string | undefined): Promise<boolean> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const skip = (why: string): false => {
    say(`\n*** SKIPPED: the tests on a real node. ${why}\n`)
    return false
  }
  if (wanted === undefined || wanted === 'none')
    return skip('They run in CI, and with HOOKLET_E2E=node (root on Linux) or HOOKLET_E2E=kind (Docker).')
  if (wanted === 'kind') return true
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return skip('They need root on Linux. With Docker, HOOKLET_E2E=kind runs them on kind.')
  if (!canMount()) return skip('This container may not mount file systems.')
  if (missing().length > 0 && found('apt-get')) {
    say(`Tests on a real node need ${missing().join(', ')}: installing with apt-get.`)
    const options = {
      stdio: 'ignore' as const,
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    }
    spawnSync('apt-get', ['update'], options)
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing()], options)
  }
  if (missing().length > 0) return skip(`There is no ${missing().join(', ')}.`)
  const folder = nodePrograms(env)
  if (isThere(folder)) return true
  say(`Tests on a real node need ${NODE_PROGRAMS.join(', ')}; they are built once for the machine.`)
  try {
    await fillFolder(
      folder,
      () => isThere(folder),
      (place) => buildPrograms(place, NODE_PROGRAMS, { go: 'go', say }),
    )
    return true
  } catch (error) {
    return skip(`Its programs can not be built: ${(error as Error).message}`)
  }
}

/** A user may be root and still not be allowed to. */
function canMount(): boolean {
  const script = 'unshare --mount sh -c "mount -t tmpfs none /mnt"'
  return spawnSync('sh', ['-c', script], { stdio: 'ignore' }).status === 0
}
