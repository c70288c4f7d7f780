import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  ETCD_VERSION,
  HELM3_VERSION,
  HELM_VERSION,
  KUBERNETES_VERSION,
  PROMETHEUS_VERSION,
} from './programs.ts'
import type { BuiltProgram } from './programs.ts'

const run = promisify(execFile)

const ETCD = 'go.etcd.io/etcd/server/v3'
const HELM = 'helm.sh/helm/v4'
const PROMETHEUS = 'github.com/prometheus/prometheus'
const HELM3 = 'helm.sh/helm/v3'

type ModuleName = 'kubernetes' | 'etcd' | 'helm' | 'prometheus' | 'helm3'

/** What the go.mod of each requires. */
const MODULES: Record<ModuleName, (go: string) => Promise<string>> = {
  kubernetes: kubernetesModule,
  etcd: () => Promise.resolve(`require ${ETCD} v${ETCD_VERSION}\n`),
  helm: () => Promise.resolve(`require ${HELM} v${HELM_VERSION}\n`),
  prometheus: () => Promise.resolve(`require ${PROMETHEUS} v${PROMETHEUS_VERSION}\n`),
  helm3: () => Promise.resolve(`require ${HELM3} v${HELM3_VERSION}\n`),
}

/** Which package of which module a program is. */
function sourceOf(program: BuiltProgram): { module: ModuleName; source: string } {
  if (program === 'etcd') return { module: 'etcd', source: ETCD }
  if (program === 'helm') return { module: 'helm', source: `${HELM}/cmd/helm` }
  if (program === 'helm3') return { module: 'helm3', source: `${HELM3}/cmd/helm` }
  if (program === 'promtool') return { module: 'prometheus', source: `${PROMETHEUS}/cmd/promtool` }
  return { module: 'kubernetes', source: `k8s.io/kubernetes/cmd/${program}` }
}

const STEP_MS = 10_000
/** Of Prometheus: without the clients of all clouds. Others know no such tag. */
const TAGS = 'remove_all_sd'

interface Builder {
  /** The Go command. */
  go: string
  /** Told of progress. */
  say(line: string): void
}

/** Builds the programs into `folder`; some minutes when nothing is in Go's cache. */
export async function buildPrograms(
  folder: string,
  programs: readonly BuiltProgram[],
  builder: Builder,
): Promise<void> {
  const modules = path.join(folder, 'modules')
  try {
    for (const program of programs) {
      const { module, source } = sourceOf(program)
      const place = path.join(modules, module)
      await writeModule(place, await MODULES[module](builder.go), builder.go)
      await build({ module: place, source, target: path.join(folder, program) }, builder)
    }
  } finally {
    await rm(modules, { recursive: true, force: true })
  }
}

async function writeModule(folder: string, requirements: string, command: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  const { stdout: version } = await run(command, ['env', 'GOVERSION'])
  const go = version.trim().replace(/^go/, '').split(' ')[0]
  await writeFile(path.join(folder, 'go.mod'), `module hooklet.dev/testbed\n\ngo ${go}\n\n${requirements}`)
}

/**
 * Kubernetes' own go.mod takes its staging modules from its repository; published, they have the version
 * 0.MINOR.PATCH.
 */
async function kubernetesModule(command: string): Promise<string> {
  const module = `k8s.io/kubernetes@v${KUBERNETES_VERSION}`
  const { stdout } = await run(command, ['mod', 'download', '-json', module], { cwd: '/' })
  const { GoMod } = JSON.parse(stdout) as { GoMod: string }
  const published = `v0.${KUBERNETES_VERSION.split('.').slice(1).join('.')}`
  const staged = (await readFile(GoMod, 'utf8')).matchAll(/^\t(k8s\.io\/[\w-]+) v0\.0\.0( |$)/gm)
  const replacements = [...staged].map(([, name]) => `replace ${name} => ${name} ${published}\n`)
  return `require k8s.io/kubernetes v${KUBERNETES_VERSION}\n\n${replacements.join('')}`
}

async function build(
  { module, source, target }: { module: string; source: string; target: string },
  { go, say }: Builder,
): Promise<void> {
  const [major, minor] = KUBERNETES_VERSION.split('.')
  const stamp = Object.entries({ gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor })
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ')
  const program = path.basename(target)
  const args = [
    'build',
    '-mod=mod',
    '-trimpath',
    '-v',
    '-tags',
    TAGS,
    '-ldflags',
    `-s -w ${stamp}`,
    '-o',
    target,
  ]
  const child = spawn('nice', ['-n', '10', go, ...args, source], {
    cwd: module,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const begun = Date.now()
  let last = begun
  let packages = 0
  let output = ''
  say(`building ${program} …`)
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    packages += chunk.split('\n').length - 1
    output = (output + chunk).slice(-4000)
    if (Date.now() - last < STEP_MS) return
    last = Date.now()
    say(`building ${program}: ${packages} packages after ${Math.round((last - begun) / 1000)} s`)
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`go build of ${program} failed:\n${output}`)
}
