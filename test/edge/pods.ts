/** Ingress processes at addresses of their own, as pods have them, and webhooks to call through what stands in front of them. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { hook, startEffectServer, startFleet, WIDE } from '../e2e/processes/fleet.ts'
import type { EffectServer } from '../e2e/processes/fleet.ts'
import type { Member } from '../support/member.ts'
import { until } from '../support/until.ts'

/** How long callers of `slow` wait for their answer. */
export const SLOW_SECONDS = 2

export interface Pods {
  effects: EffectServer
  /** Those that run, by address. */
  running: Map<string, Member>
  port: number
  /** The path of a webhook. */
  pathOf(webhook: string): string
  /** Starts one at the address. */
  start(address: string): Promise<Member>
  /** Resolves when somebody has called the one at the address. */
  called(address: string): Promise<void>
  close(): Promise<void>
}

/** `env` is of the ingress processes, and decides over whatever is said here. */
export async function startPods(options: {
  addresses: string[]
  port: number
  env: NodeJS.ProcessEnv
}): Promise<Pods> {
  const { addresses, port, env } = options
  const effects = await startEffectServer()
  const fleet = await startFleet({ manifests: await manifests(effects.url), ingress: 0, runners: 1 })
  const running = new Map<string, Member>()
  const start = async (address: string): Promise<Member> => {
    const member = await fleet.start('ingress', {
      ...env,
      HOOKLET_HOST: address,
      HOOKLET_PORT: String(port),
      HOOKLET_HEALTH_PORT: String(port + 1),
      HOOKLET_METRICS_PORT: String(port + 2),
      HOOKLET_ACCEPT_SECONDS: '2',
    })
    running.set(address, member)
    return member
  }
  const close = async (): Promise<void> => {
    await fleet.close()
    await effects.close()
  }
  try {
    await Promise.all(addresses.map(start))
    return {
      effects,
      running,
      port,
      pathOf: fleet.pathOf,
      start,
      called: (address) =>
        until(async () => {
          const metrics = await (await fetch(`http://${address}:${port + 2}/metrics`)).text()
          return /^hooklet_ingress_answers_total\{.*\} [1-9]/m.test(metrics)
        }),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function manifests(effects: string): Promise<object[]> {
  const reply = { mode: 'Reply' }
  const said = '${ {method, path, query, body, clientIP, host: .headers.host} }'
  const post = (name: string): object => ({
    call: 'http',
    with: { method: 'post', endpoint: `${effects}/${name}`, body: { n: '${ $workflow.input.body.n }' } },
  })
  const chat = await readFile(path.join(import.meta.dirname, '../../examples/chat/chat.yaml'), 'utf8')
  return [
    ...hook('echo', { response: reply, limits: WIDE }, [{ answer: { call: 'reply', with: { body: said } } }]),
    ...hook('measure', { response: reply, limits: { ...WIDE, payload: '4Mi' } }, [
      { answer: { call: 'reply', with: { body: '${ .body | length | tostring }' } } },
    ]),
    ...hook('stored', { limits: WIDE }, [{ effect: post('stored') }]),
    ...hook('slow', { response: reply, limits: WIDE }, [
      { effect: post('slow') },
      { rest: { wait: { seconds: SLOW_SECONDS } } },
      { answer: { call: 'reply', with: { body: 'at last' } } },
    ]),
    ...parseAllDocuments(chat).map((document) => document.toJS() as object),
  ]
}
