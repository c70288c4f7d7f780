import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { ENVTEST_INDEX, unpackEnvtest } from './archive.ts'
import { buildPrograms } from './build.ts'
import { cacheFolder, findPrograms, KUBERNETES_VERSION, PROGRAMS } from './programs.ts'

const HOW =
  'Put kube-apiserver, etcd and kubectl into one folder and name it in KUBEBUILDER_ASSETS (setup-envtest does that), or install Go.'

/**
 * Makes sure that tests find a real control plane: where KUBEBUILDER_ASSETS says, or in the cache folder,
 * which is filled, once for a machine, from the Kubernetes project's archive for tests or else by `go build`.
 * False when there is none; rejects instead when CI asks for every test.
 */
export async function provideKubernetes(
  env: NodeJS.ProcessEnv,
  options: { index?: string; go?: string; say?: (line: string) => void } = {},
): Promise<boolean> {
  if (findPrograms(env) !== undefined) return true
  const say = options.say ?? ((line: string): void => void process.stderr.write(`${line}\n`))
  const faults: string[] = []
  const ways: [string, (folder: string) => Promise<void>][] = [
    [
      'fetch the archive for tests',
      (folder) =>
        unpackEnvtest(folder, {
          index: options.index ?? ENVTEST_INDEX,
          platform: process.platform,
          arch: process.arch,
          timeoutMs: 120_000,
        }),
    ],
    ['build with Go', (folder) => buildPrograms(folder, PROGRAMS, { go: options.go ?? 'go', say })],
  ]
  say(`Tests need a control plane (Kubernetes ${KUBERNETES_VERSION}); this is done once for the machine.`)
  for (const [way, fill] of ways) {
    say(`Trying to ${way}.`)
    try {
      await fillCache(env, fill)
      return true
    } catch (error) {
      const { message, cause } = error as Error
      faults.push(`${way}: ${message}${cause instanceof Error ? ` (${cause.message})` : ''}`)
      say(`Could not ${faults.at(-1)}`)
    }
  }
  if (env['CI']) throw new Error(`No control plane for the tests. ${HOW}\n${faults.join('\n')}`)
  say(`\n*** SKIPPED: all tests on a real API server, because there is none. ${HOW}\n${faults.join('\n')}\n`)
  return false
}

/** As {@link fillFolder}, of the control plane. */
async function fillCache(env: NodeJS.ProcessEnv, fill: (folder: string) => Promise<void>): Promise<void> {
  await fillFolder(cacheFolder(env), () => findPrograms(env) !== undefined, fill)
  if (findPrograms(env) === undefined) throw new Error(`it did not bring all of ${PROGRAMS.join(', ')}`)
}

/**
 * What is in a cache folder is whole: it is filled aside and moved there in one piece, unless another was
 * faster.
 */
export async function fillFolder(
  target: string,
  isWhole: () => boolean,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true })
  const folder = await mkdtemp(`${target}.part-`)
  try {
    await fill(folder)
    // What an interrupted build of a former version, or hands, left; another's whole one is as good as ours.
    if (!isWhole()) {
      await rm(target, { recursive: true, force: true })
      await rename(folder, target)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
