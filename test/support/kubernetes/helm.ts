/** Helm, and the resources of other projects that the chart can make objects of. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import type { ProgramResult } from '../program.ts'
import { runProgram } from '../program.ts'
import { buildPrograms } from './build.ts'
import { readObjects } from './manifests.ts'
import { cached, HELM3_VERSION, HELM_VERSION, runnable } from './programs.ts'
import { fillFolder } from './provide.ts'

/** Go modules with the CustomResourceDefinitions of Gateway API, the Prometheus Operator and KEDA. */
const DEFINITIONS = [
  {
    module: 'sigs.k8s.io/gateway-api@v1.4.1',
    files: ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    files: ['servicemonitors', 'prometheusrules'].map(
      (name) => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
    ),
  },
  {
    module: 'github.com/kedacore/keda/v2@v2.21.0',
    files: ['scaledobjects', 'triggerauthentications'].map((name) => `config/crd/bases/keda.sh_${name}.yaml`),
  },
]

const folderOf = (env: NodeJS.ProcessEnv): string => cached(env, `helm-${HELM_VERSION}`)
const isThere = (folder: string): boolean => runnable(folder, 'helm') && existsSync(path.join(folder, 'crds'))
const oldFolderOf = (env: NodeJS.ProcessEnv): string => cached(env, `helm-${HELM3_VERSION}`)
const isOldThere = (folder: string): boolean => runnable(folder, 'helm3')

/** The program: the newest Helm, or the oldest that the documentation promises. */
export function helmProgram(
  which: 'newest' | 'oldest' = 'newest',
  env: NodeJS.ProcessEnv = process.env,
): string {
  return which === 'oldest' ? path.join(oldFolderOf(env), 'helm3') : path.join(folderOf(env), 'helm')
}

/**
 * Makes sure that tests find Helm 4 and Helm 3, built once for a machine. False when they can't be built;
 * rejects instead when CI asks for every test.
 */
export async function provideHelm(env: NodeJS.ProcessEnv): Promise<boolean> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const [folder, oldFolder] = [folderOf(env), oldFolderOf(env)]
  try {
    if (!isThere(folder)) {
      say(`Tests of the chart need Helm ${HELM_VERSION}; it is built once for the machine.`)
      await fillFolder(
        folder,
        () => isThere(folder),
        async (place) => {
          await buildPrograms(place, ['helm'], { go: 'go', say })
          await copyDefinitions(path.join(place, 'crds'))
        },
      )
    }
    if (!isOldThere(oldFolder)) {
      say(`Tests of the chart need Helm ${HELM3_VERSION}, too; it is built once for the machine.`)
      await fillFolder(
        oldFolder,
        () => isOldThere(oldFolder),
        (place) => buildPrograms(place, ['helm3'], { go: 'go', say }),
      )
    }
    return true
  } catch (error) {
    const why = `Helm can not be built: ${(error as Error).message}\nInstall Go.`
    if (env['CI']) throw new Error(why, { cause: error })
    say(`\n*** SKIPPED: the tests of the chart. ${why}\n`)
    return false
  }
}

async function copyDefinitions(folder: string): Promise<void> {
  await mkdir(folder)
  for (const { module, files } of DEFINITIONS) {
    const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', module], {
      cwd: tmpdir(),
    })
    const { Dir } = JSON.parse(stdout) as { Dir: string }
    for (const file of files) await copyFile(path.join(Dir, file), path.join(folder, path.basename(file)))
  }
}

export async function readForeignDefinitions(env: NodeJS.ProcessEnv = process.env): Promise<object[]> {
  const folder = path.join(folderOf(env), 'crds')
  return (await readdir(folder)).flatMap((file) => readObjects(path.join(folder, file)))
}

/** Runs Helm to its end. */
export function helm(
  args: string[],
  { env, input, which }: { env?: NodeJS.ProcessEnv; input?: string; which?: 'newest' | 'oldest' } = {},
): Promise<ProgramResult> {
  return runProgram(helmProgram(which), args, { env: { ...process.env, ...env }, input })
}
