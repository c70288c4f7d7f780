/** The programs of a real control plane that tests run, and where they are kept. */
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

export const KUBERNETES_VERSION = '1.36.3'
export const ETCD_VERSION = '3.7.3'

export const PROGRAMS = ['kube-apiserver', 'etcd', 'kubectl'] as const
export type Program = (typeof PROGRAMS)[number]

/** Where the programs are put, once for a user of a machine: in the folder for caches that the system has. */
export function cacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  const system =
    platform === 'darwin' ? path.join(homedir(), 'Library/Caches') : path.join(homedir(), '.cache')
  return path.join(env['XDG_CACHE_HOME'] || system, 'hooklet', `kubernetes-${KUBERNETES_VERSION}`)
}

/** The folder that has all of them: KUBEBUILDER_ASSETS, as controller tests of Kubernetes projects name it, else ours. */
export function findPrograms(env: NodeJS.ProcessEnv): string | undefined {
  return [env['KUBEBUILDER_ASSETS'], cacheFolder(env)].find(
    (folder) => folder !== undefined && folder !== '' && PROGRAMS.every((name) => runnable(folder, name)),
  )
}

function runnable(folder: string, name: Program): boolean {
  try {
    accessSync(path.join(folder, name), constants.X_OK)
    return true
  } catch {
    return false
  }
}
