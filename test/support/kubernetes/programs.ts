/** The programs that tests on Kubernetes run, and where they are kept. */
import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

export const KUBERNETES_VERSION = '1.36.3'
export const ETCD_VERSION = '3.7.3'

export const HELM_VERSION = '4.3.1'
/** Prometheus 3.13.5, as Go counts it. */
export const PROMETHEUS_VERSION = '0.313.5'
export const TRAEFIK_VERSION = '3.6.12'
/** The oldest that the documentation promises. */
export const HELM3_VERSION = '3.14.4'

/** Of a control plane. */
export const PROGRAMS = ['kube-apiserver', 'etcd', 'kubectl'] as const
export type Program = (typeof PROGRAMS)[number]

/** What a control plane needs besides for pods that really run. */
export const NODE_PROGRAMS = ['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const
export type BuiltProgram =
  Program | (typeof NODE_PROGRAMS)[number] | 'helm' | 'promtool' | 'helm3' | 'traefik'

/**
 * Where the programs of a control plane are put, once for a user of a machine: in the folder for caches that
 * the system has.
 */
export function cacheFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): string {
  return cached(env, `kubernetes-${KUBERNETES_VERSION}`, platform)
}

/** A folder of ours among the system's caches. */
export function cached(
  env: NodeJS.ProcessEnv,
  name: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const system =
    platform === 'darwin' ? path.join(homedir(), 'Library/Caches') : path.join(homedir(), '.cache')
  return path.join(env['XDG_CACHE_HOME'] || system, 'hooklet', name)
}

/**
 * The folder that has all of them: KUBEBUILDER_ASSETS, as controller tests of Kubernetes projects name it,
 * else ours.
 */
export function findPrograms(env: NodeJS.ProcessEnv): string | undefined {
  return [env['KUBEBUILDER_ASSETS'], cacheFolder(env)].find(
    (folder) => folder !== undefined && folder !== '' && PROGRAMS.every((name) => runnable(folder, name)),
  )
}

export function runnable(folder: string, name: BuiltProgram): boolean {
  try {
    accessSync(path.join(folder, name), constants.X_OK)
    return true
  } catch {
    return false
  }
}
