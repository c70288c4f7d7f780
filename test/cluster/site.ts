/**
 * A whole installation on a real API server: operator, ingress and runner processes, each with the rights of
 * its role, and a Redis.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { hook } from '../e2e/processes/fleet.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import { rolesOf } from '../support/kubernetes/roles.ts'
import { startMember } from '../support/member.ts'
import type { Member, MemberRole } from '../support/member.ts'
import { freePort, startRedisServer } from '../support/redis-server.ts'
import type { RedisServer } from '../support/redis-server.ts'

export interface Site {
  cluster: Cluster
  redis: RedisServer
  /** The operator's namespace. */
  system: string
  /** What URLs begin with: the first ingress. */
  publicUrl: string
  operators: Member[]
  ingress: Member[]
  runners: Member[]
  /**
   * Resolves when every ingress serves what was published before: it serves what came after, and watches keep
   * the order. Callers meet 404 until then, which promises nothing. A runner that is behind is no reason to
   * wait: it asks before it lets go of what was accepted.
   */
  routed(): Promise<void>
  /**
   * The same, and the runner has every change of a global or Secret, too: these make no new generation that
   * an event could name. For sites of one runner.
   */
  caughtUp(): Promise<void>
  /** Starts one more process. */
  start(role: MemberRole, env?: NodeJS.ProcessEnv): Promise<Member>
  close(): Promise<void>
}

export interface SiteOptions {
  operators?: number
  ingress?: number
  runners?: number
  /** Namespaces that the operator watches; default all. */
  watched?: string[]
  sharedGlobals?: boolean
  env?: NodeJS.ProcessEnv
}

/** The prefix of all keys of a site in Redis. */
export const REDIS_PREFIX = 'site'

/** Starts all of it in a namespace of its own; on the cluster that is given, or one of its own. */
export async function startSite(options: SiteOptions & { cluster?: Cluster } = {}): Promise<Site> {
  const { watched, sharedGlobals = false } = options
  const [cluster, redis] = await Promise.all([options.cluster ?? startCluster(), startRedisServer()])
  const members: Member[] = []
  const close = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()))
    await redis.close()
    if (options.cluster === undefined) await cluster.close()
  }
  try {
    await cluster.apply(CRD_OBJECTS)
    const system = await cluster.namespace('system')
    await cluster.apply(rolesOf({ system, watched: watched ?? 'all', sharedGlobals }))
    const port = await freePort()
    const publicUrl = `http://127.0.0.1:${port}`
    const start = async (role: MemberRole, env: NodeJS.ProcessEnv = {}): Promise<Member> => {
      const token = await cluster.tokenOf(system, role)
      const member = await startMember(role, {
        KUBECONFIG: await cluster.writeKubeconfig(token, { namespace: system }),
        HOOKLET_NAMESPACE: system,
        HOOKLET_REDIS: redis.url,
        HOOKLET_REDIS_PREFIX: REDIS_PREFIX,
        HOOKLET_PUBLIC_URL: publicUrl,
        HOOKLET_WATCH_NAMESPACES: watched?.join(',') ?? '',
        HOOKLET_SHARED_GLOBALS: String(sharedGlobals),
        ...options.env,
        ...env,
      })
      members.push(member)
      return member
    }
    const many = (count: number, role: MemberRole): Promise<Member[]> =>
      Promise.all(Array.from({ length: count }, () => start(role)))
    const [operators, first, others, runners] = await Promise.all([
      many(options.operators ?? 1, 'operator'),
      start('ingress', { HOOKLET_PORT: String(port) }),
      many((options.ingress ?? 1) - 1, 'ingress'),
      many(options.runners ?? 1, 'runner'),
    ])
    const ingress = [first, ...others]
    const sung = async (manifests: object[]): Promise<void> => {
      const namespace = await cluster.namespace('canary')
      await cluster.apply(manifests.map((object) => ({ ...object, metadata: { name: 'canary', namespace } })))
      const path = `/apis/hooklet.dev/v1alpha1/namespaces/${namespace}/webhooks/canary`
      for (const { url } of ingress.filter((member) => member.alive()))
        for (;;) {
          const { body } = await cluster.request<{ status?: { url?: string } }>('GET', path)
          const there = body.status?.url?.replace(publicUrl, url)
          if (there !== undefined && (await fetch(there)).status === 200) break
          await pause(20)
        }
    }
    return {
      routed: () => sung(hook('canary', {}, []).slice(0, 1)),
      caughtUp: () => sung(hook('canary', { response: { mode: 'Reply' } }, [{ sing: { call: 'reply' } }])),
      cluster,
      redis,
      system,
      publicUrl,
      operators,
      ingress,
      runners,
      start,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * What the processes of the site say that they may not do: nothing, when each has all the rights that it
 * uses.
 */
export function refusedIn({ operators, ingress, runners }: Site): string[] {
  return [...operators, ...ingress, ...runners].flatMap((member) =>
    member
      .log()
      .split('\n')
      .filter((line) => line.includes('forbidden')),
  )
}
