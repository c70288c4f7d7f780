/**
 * Ingress and runner processes over a real Redis, as they run in production, and what a test does to them.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { startRedisServer } from '../../support/redis-server.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { runHooklet } from '../../support/hooklet.ts'
import { startMember } from '../../support/member.ts'
import type { Member } from '../../support/member.ts'

export interface Fleet {
  redis: RedisServer
  ingress: Member[]
  runners: Member[]
  /** The path of a webhook on any ingress. */
  pathOf(webhook: string): string
  /** Calls a webhook on the ingresses by turns. */
  call(
    webhook: string,
    body: unknown,
    nth: number,
  ): Promise<{ status: number; text: string; headers: Headers }>
  /** Starts one more process. */
  start(role: 'ingress' | 'runner', env?: NodeJS.ProcessEnv): Promise<Member>
  /** Compiles these instead of those from before; the processes follow. URLs stay. */
  apply(manifests: object[]): Promise<void>
  close(): Promise<void>
}

export async function startFleet(options: {
  manifests: object[]
  ingress: number
  runners: number
  redisArgs?: string[]
  /** More of the processes' configuration. */
  env?: NodeJS.ProcessEnv
}): Promise<Fleet> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-fleet-'))
  const redis = await startRedisServer(options.redisArgs)
  const members: Member[] = []
  const close = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()))
    await redis.close()
    await rm(folder, { recursive: true })
  }
  try {
    const artefacts = path.join(folder, 'compiled')
    const apply = async (manifests: object[]): Promise<void> => {
      const file = path.join(folder, 'manifests.yaml')
      await writeFile(file, manifests.map((manifest) => JSON.stringify(manifest)).join('\n---\n'))
      const compiled = await runHooklet(['compile', file, '--out', artefacts])
      if (compiled.code !== 0) throw new Error(compiled.stderr)
    }
    await apply(options.manifests)
    const env = { HOOKLET_REDIS: redis.url, HOOKLET_ARTEFACTS: artefacts, ...options.env }
    const start = async (role: 'ingress' | 'runner', more: NodeJS.ProcessEnv = {}): Promise<Member> => {
      const member = await startMember(role, { ...env, ...more })
      members.push(member)
      return member
    }
    const ingress = await Promise.all(Array.from({ length: options.ingress }, () => start('ingress')))
    const runners = await Promise.all(Array.from({ length: options.runners }, () => start('runner')))
    const paths = new Map<string, string>()
    for (const { kind, metadata } of options.manifests as { kind: string; metadata: { name: string } }[]) {
      if (kind !== 'Webhook') continue
      const file = path.join(artefacts, `default.${metadata.name}.route.json`)
      const { token } = JSON.parse(await readFile(file, 'utf8')) as { token: string }
      paths.set(metadata.name, `/webhooks/${token}`)
    }
    const pathOf = (webhook: string): string => paths.get(webhook) ?? `/unknown/${webhook}`
    return {
      redis,
      ingress,
      runners,
      pathOf,
      start,
      async call(webhook, body, nth) {
        const response = await fetch(`${ingress[nth % ingress.length]?.url}${pathOf(webhook)}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        return { status: response.status, text: await response.text(), headers: response.headers }
      },
      apply,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Where workflows have their effects: counts what arrives. */
export interface EffectServer {
  url: string
  /** Every request, in order: which call (`n`), which step, under which key. */
  effects: { n: number; step: string; key: string }[]
  /** Resolves when so many different calls, or all of these, have had the step. */
  reached(step: string, calls: number | number[]): Promise<void>
  /** Lets the effects have their answers that are held, and all that come. */
  release(): void
  close(): Promise<void>
}

/**
 * `delayMs` is how long each effect takes, `host` the address where it is reached; `held` ones take until
 * they are released.
 */
export async function startEffectServer(
  delayMs = 0,
  { host = '127.0.0.1', held = false }: { host?: string; held?: boolean } = {},
): Promise<EffectServer> {
  const released = Promise.withResolvers<void>()
  if (!held) released.resolve()
  const effects: EffectServer['effects'] = []
  const waiting = new Set<() => void>()
  const seen = new Map<string, Set<number>>()
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { n } = JSON.parse(await text(request)) as { n: number }
    const step = (request.url ?? '').slice(1)
    effects.push({ n, step, key: String(request.headers['idempotency-key']) })
    seen.set(step, (seen.get(step) ?? new Set()).add(n))
    for (const look of waiting) look()
    await released.promise
    setTimeout(() => response.setHeader('content-type', 'application/json').end('{}'), delayMs)
  }
  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, host)
  await once(server, 'listening')
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    effects,
    reached: (step, calls) =>
      new Promise((resolve) => {
        const look = (): void => {
          const had = seen.get(step) ?? new Set()
          if (typeof calls === 'number' ? had.size < calls : calls.some((n) => !had.has(n))) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    release: released.resolve,
    async close() {
      released.resolve()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A Webhook and the Workflow that it triggers. */
export function hook(name: string, spec: object, tasks: object[]): object[] {
  const apiVersion = 'hooklet.dev/v1alpha1'
  return [
    { apiVersion, kind: 'Webhook', metadata: { name }, spec },
    { apiVersion, kind: 'Workflow', metadata: { name }, spec: { triggers: [{ webhook: name }], do: tasks } },
  ]
}

/** Limits that no test of something else runs into. */
export const WIDE = { rate: { requests: 10_000, window: '1s' }, connections: 10_000 }
