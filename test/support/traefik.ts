/** Traefik, a real Ingress controller and Gateway, as a process beside the API server of a test. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { buildPrograms } from './kubernetes/build.ts'
import { readObjects } from './kubernetes/manifests.ts'
import { cached, runnable, TRAEFIK_VERSION } from './kubernetes/programs.ts'
import { fillFolder } from './kubernetes/provide.ts'
import { addressFault } from './network.ts'
import { startDaemon } from './node/daemon.ts'
import type { Daemon } from './node/daemon.ts'

/** The Gateway API that this Traefik implements: Go module and folder of its CustomResourceDefinitions. */
const GATEWAY_API = { module: 'sigs.k8s.io/gateway-api@v1.4.1', folder: 'config/crd/standard' }

const folderOf = (env: NodeJS.ProcessEnv): string => cached(env, `traefik-${TRAEFIK_VERSION}`)

/**
 * Makes sure that tests find Traefik, built once for a machine, in some minutes, and may give pods addresses
 * of their own. False when they can't; rejects instead when CI asks for every test and Go can't build it.
 */
export async function provideTraefik(env: NodeJS.ProcessEnv): Promise<boolean> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const skip = (why: string): false => {
    say(`\n*** SKIPPED: the tests behind a real Ingress controller. ${why}\n`)
    return false
  }
  const fault = addressFault()
  if (fault !== undefined) return skip(fault)
  const folder = folderOf(env)
  const isThere = (): boolean => runnable(folder, 'traefik')
  if (isThere()) return true
  say(`Tests behind an Ingress controller need Traefik ${TRAEFIK_VERSION}; it is built once for the machine.`)
  try {
    await fillFolder(folder, isThere, async (place) => {
      await buildPrograms(place, ['traefik'], { go: 'go', say })
      await copyDefinitions(path.join(place, 'crds'))
    })
    return true
  } catch (error) {
    const why = `Traefik can not be built: ${(error as Error).message}\nInstall Go.`
    if (env['CI']) throw new Error(why, { cause: error })
    return skip(why)
  }
}

async function copyDefinitions(target: string): Promise<void> {
  await mkdir(target)
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', GATEWAY_API.module], {
    cwd: tmpdir(),
  })
  const source = path.join((JSON.parse(stdout) as { Dir: string }).Dir, GATEWAY_API.folder)
  for (const file of await readdir(source)) await copyFile(path.join(source, file), path.join(target, file))
}

/** The CustomResourceDefinitions of the Gateway API. */
export async function readGatewayDefinitions(env: NodeJS.ProcessEnv = process.env): Promise<object[]> {
  const folder = path.join(folderOf(env), 'crds')
  const files = (await readdir(folder)).filter(
    (file) => file.endsWith('.yaml') && file !== 'kustomization.yaml',
  )
  return files
    .flatMap((file) => readObjects(path.join(folder, file)))
    .filter((object) => (object as { kind: string }).kind === 'CustomResourceDefinition')
}

/** Follows the API server with the rights of the kubeconfig; `settings` are its flags. */
export function startTraefik(kubeconfig: string, settings: string[]): Daemon {
  const fixed = ['--global.checkNewVersion=false', '--global.sendAnonymousUsage=false', '--log.level=INFO']
  return startDaemon(path.join(folderOf(process.env), 'traefik'), [...fixed, ...settings], {
    KUBECONFIG: kubeconfig,
  })
}
