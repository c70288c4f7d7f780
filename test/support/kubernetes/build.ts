import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import {
  ETCD_VERSION,
  HELM3_VERSION,
  HELM_VERSION,
  KUBERNETES_VERSION,
  PROMETHEUS_VERSION,
  TRAEFIK_VERSION,
} from './programs.ts'
import type { BuiltProgram } from './programs.ts'

const run = promisify(execFile)

const ETCD = 'go.etcd.io/etcd/server/v3'
const HELM = 'helm.sh/helm/v4'
const PROMETHEUS = 'github.com/prometheus/prometheus'
const HELM3 = 'helm.sh/helm/v3'
const TRAEFIK = 'github.com/traefik/traefik/v3'

type ModuleName = 'kubernetes' | 'etcd' | 'helm' | 'prometheus' | 'helm3' | 'traefik'

/** What the go.mod of each requires; what it names besides is put into the folder. */
const MODULES: Record<ModuleName, (go: string, folder: string) => Promise<string>> = {
  kubernetes: kubernetesModule,
  etcd: () => Promise.resolve(`require ${ETCD} v${ETCD_VERSION}\n`),
  helm: () => Promise.resolve(`require ${HELM} v${HELM_VERSION}\n`),
  prometheus: () => Promise.resolve(`require ${PROMETHEUS} v${PROMETHEUS_VERSION}\n`),
  helm3: () => Promise.resolve(`require ${HELM3} v${HELM3_VERSION}\n`),
  traefik: traefikModule,
}

/** Which package of which module a program is. */
function sourceOf(program: BuiltProgram): { module: ModuleName; source: string } {
  if (program === 'etcd') return { module: 'etcd', source: ETCD }
  if (program === 'helm') return { module: 'helm', source: `${HELM}/cmd/helm` }
  if (program === 'helm3') return { module: 'helm3', source: `${HELM3}/cmd/helm` }
  if (program === 'traefik') return { module: 'traefik', source: `${TRAEFIK}/cmd/traefik` }
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
      await mkdir(place, { recursive: true })
      await writeModule(place, await MODULES[module](builder.go, place), builder.go)
      await build({ module: place, source, target: path.join(folder, program) }, builder)
    }
  } finally {
    await rm(modules, { recursive: true, force: true })
  }
}

async function writeModule(folder: string, requirements: string, command: string): Promise<void> {
  const { stdout: version } = await run(command, ['env', 'GOVERSION'])
  const go = version.trim().replace(/^go/, '').split(' ')[0]
  await writeFile(path.join(folder, 'go.mod'), `module hooklet.dev/testbed\n\ngo ${go}\n\n${requirements}`)
}

/**
 * Kubernetes' own go.mod takes its staging modules from its repository; published, they have the version
 * 0.MINOR.PATCH.
 */
async function kubernetesModule(command: string): Promise<string> {
  const { GoMod } = await download(`k8s.io/kubernetes@v${KUBERNETES_VERSION}`, command)
  const text = await readFile(GoMod, 'utf8')
  const published = `v0.${KUBERNETES_VERSION.split('.').slice(1).join('.')}`
  const staged = text.matchAll(/^\t(k8s\.io\/[\w-]+) v0\.0\.0( |$)/gm)
  const replacements = [...staged].map(([, name]) => `replace ${name} => ${name} ${published}\n`)
  return `require k8s.io/kubernetes v${KUBERNETES_VERSION}\n\n${replacements.join('')}`
}

/**
 * Traefik needs the forks that its own go.mod names, which counts only there. Its library for certificates
 * comes without the clients of two hundred name services, which take more time than all else.
 */
async function traefikModule(command: string, folder: string): Promise<string> {
  const own = await download(`${TRAEFIK}@v${TRAEFIK_VERSION}`, command)
  const text = await readFile(own.GoMod, 'utf8')
  const forks = [...text.matchAll(/^\t(\S+ => \S+ v\S+)$/gm)].map(([, fork]) => fork)
  const [, version] = text.match(/^\tgithub\.com\/go-acme\/lego\/v4 (\S+)$/m) ?? []
  const lego = path.join(folder, 'lego')
  await cp((await download(`${LEGO}@${version}`, command)).Dir, lego, { recursive: true })
  const services = path.join(lego, 'providers/dns')
  await run('chmod', ['-R', 'u+w', lego])
  await rm(services, { recursive: true })
  await mkdir(services)
  await writeFile(path.join(services, 'none.go'), NO_NAME_SERVICES)
  const replacements = [...forks, `${LEGO} => ./lego`].map((line) => `replace ${line}\n`)
  return `require ${TRAEFIK} v${TRAEFIK_VERSION}\n\n${replacements.join('')}`
}

const LEGO = 'github.com/go-acme/lego/v4'
const NO_NAME_SERVICES = `package dns

import (
	"errors"

	"${LEGO}/challenge"
)

func NewDNSChallengeProviderByName(string) (challenge.Provider, error) {
	return nil, errors.New("there are no name services")
}
`

async function download(module: string, command: string): Promise<{ GoMod: string; Dir: string }> {
  const { stdout } = await run(command, ['mod', 'download', '-json', module], { cwd: '/' })
  return JSON.parse(stdout) as { GoMod: string; Dir: string }
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
