/**
 * An installation on a test cluster: its own namespace, the roles, and processes that run under exactly
 * these.
 */
import type { ConditionDraft } from '../../crds/contract.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster, KubeObject } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { rolesOf } from '../support/kubernetes/roles.ts'
import { launchMember } from '../support/member.ts'
import type { Launched, MemberRole } from '../support/member.ts'

export interface Installation {
  /** The operator's namespace. */
  system: string
  /** Starts a process; it may not be ready yet. */
  launch(role: MemberRole, env?: NodeJS.ProcessEnv): Promise<Launched>
  /** Kills what still runs. */
  close(): Promise<void>
}

/** `env` is for all its processes. */
export async function install(
  cluster: Cluster,
  options: { watched: 'all' | string[]; env?: NodeJS.ProcessEnv },
): Promise<Installation> {
  const system = await cluster.namespace('system')
  await cluster.apply(rolesOf({ system, watched: options.watched }))
  const members: Launched[] = []
  return {
    system,
    async launch(role, env = {}) {
      const token = await cluster.tokenOf(system, role)
      const watched = options.watched === 'all' ? '' : options.watched.join(',')
      const member = launchMember(role, {
        KUBECONFIG: await cluster.writeKubeconfig(token, { namespace: system }),
        HOOKLET_PUBLIC_URL: 'https://hooks.example.com',
        HOOKLET_WATCH_NAMESPACES: watched,
        HOOKLET_REDIS_PREFIX: system,
        ...options.env,
        ...env,
      })
      members.push(member)
      return member
    },
    close: async () => void (await Promise.all(members.map((member) => member.kill()))),
  }
}

/** A cluster of its own with the CRDs and one operator, which leads. Both are the caller's to close, the site first. */
export async function installLed(
  options: Parameters<typeof install>[1],
): Promise<{ cluster: Cluster; site: Installation; operator: Launched }> {
  const cluster = await startCluster()
  let site: Installation | undefined
  try {
    await cluster.apply(CRD_OBJECTS)
    site = await install(cluster, options)
    const operator = await site.launch('operator')
    await operator.logged('This operator leads')
    return { cluster, site, operator }
  } catch (error) {
    await site?.close()
    await cluster.close()
    throw error
  }
}

/** Any of our resources as the API server gives it. */
export interface Reported extends KubeObject {
  status?: {
    url?: string
    workflows?: string[]
    webhooks?: string[]
    observedGeneration?: number
    conditions?: (ConditionDraft & { observedGeneration: number; lastTransitionTime: string })[]
  }
}

export const webhook = (namespace: string, name: string, spec: object = {}): object => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Webhook',
  metadata: { namespace, name },
  spec,
})

/** A Workflow that replies. */
export const workflow = (namespace: string, name: string, spec: object = {}): object => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Workflow',
  metadata: { namespace, name },
  spec: { triggers: [{ webhook: 'orders' }], do: [{ answer: { call: 'reply' } }], ...spec },
})

export const configMap = (
  namespace: string,
  name: string,
  data: Record<string, string>,
  labels: Record<string, string> = {},
): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name, labels }, data })

export const secret = (
  namespace: string,
  name: string,
  stringData: Record<string, string>,
  labels: Record<string, string> = {},
): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name, labels }, stringData })

export const path = {
  webhook: (namespace: string, name = ''): string =>
    `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/webhooks/${name}`,
  workflow: (namespace: string, name = ''): string =>
    `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/workflows/${name}`,
  secret: (namespace: string, name = ''): string => `/api/v1/namespaces/${namespace}/secrets/${name}`,
  configMap: (namespace: string, name = ''): string => `/api/v1/namespaces/${namespace}/configmaps/${name}`,
  events: (namespace: string): string => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
}

/**
 * Reads again and again until `find` gives something; what it throws on the last try is told when the time is
 * over.
 */
export async function eventually<Found>(
  find: () => Promise<Found | undefined>,
  { withinMs = 20_000 } = {},
): Promise<Found> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`it did not come true in time: ${find.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What the condition says, once it speaks of the newest generation: `STATUS REASON: MESSAGE`. */
export async function condition(cluster: Cluster, target: string, type = 'Ready'): Promise<string> {
  return eventually(async () => {
    const { status, metadata } = await get<Reported>(cluster, target)
    const found = status?.conditions?.find((candidate) => candidate.type === type)
    if (!found || found.observedGeneration !== metadata.generation) return undefined
    return `${found.status} ${found.reason}: ${found.message}`
  })
}

/** Waits until the condition says so. */
export async function says(
  cluster: Cluster,
  target: string,
  wanted: RegExp,
  type = 'Ready',
): Promise<string> {
  let last = ''
  try {
    return await eventually(async () => {
      last = await condition(cluster, target, type)
      return wanted.test(last) ? last : undefined
    })
  } catch {
    throw new Error(`${type} of ${target} is: ${last}`)
  }
}

export async function get<Body = KubeObject>(cluster: Cluster, target: string): Promise<Body> {
  const { status, body } = await cluster.request<Body>('GET', target)
  if (status !== 200) throw new Error(`GET ${target}: ${status}`)
  return body
}

/** Its value, or undefined while there is no such Secret. */
export async function secretText(cluster: Cluster, target: string, key: string): Promise<string | undefined> {
  const { status, body } = await cluster.request<{ data?: Record<string, string> }>('GET', target)
  const encoded = status === 200 ? body.data?.[key] : undefined
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString()
}

/** Waits until there is nothing under the path. */
export function gone(cluster: Cluster, target: string): Promise<true> {
  return eventually(async () => {
    const { status } = await cluster.request('GET', target)
    return status === 404 || undefined
  })
}

/** The artefacts in the operator's namespace: their content by `KIND.NAMESPACE.NAME`. */
export async function artefacts(cluster: Cluster, system: string): Promise<Record<string, Artefact>> {
  const { items } = await get<{ items: SecretObject[] }>(
    cluster,
    `${path.secret(system)}?labelSelector=hooklet.dev/artefact`,
  )
  return Object.fromEntries(
    items.map(({ metadata, data }) => [
      metadata.name,
      JSON.parse(Buffer.from(data['artefact.json'] ?? '', 'base64').toString()) as Artefact,
    ]),
  )
}

export interface Artefact {
  token?: string
  state?: string
  generation: number
  uid: string
  auth?: object
  globals?: Record<string, unknown>
  suspended?: boolean
}

interface SecretObject extends KubeObject {
  data: Record<string, string>
}
