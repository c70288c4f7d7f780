/** What is on a cluster, and what tests put there. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { WebSocket } from 'ws'
import { until } from '../../support/until.ts'
import { SYSTEM } from './installed.ts'
import type { Place } from './installed.ts'

/** Kinds whose objects come and go by themselves. */
const RESTLESS = [
  'events',
  'events.events.k8s.io',
  'componentstatuses',
  'nodes.metrics.k8s.io',
  'pods.metrics.k8s.io',
]

/** The objects of kinds in all namespaces, as `Kind namespace/name`. */
export async function list(place: Place, ...kinds: string[]): Promise<string[]> {
  const line = 'jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name}{"\\n"}{end}'
  const listed = await place.kubectl(['get', ...kinds, '--all-namespaces', '-o', line])
  return listed
    .split('\n')
    .filter((object) => object !== '')
    .toSorted()
}

/** Every object of every kind that the API server has, but for the signs of life of its nodes. */
export async function everything(place: Place): Promise<string[]> {
  const kinds = (await place.kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n')
  const objects = await list(place, kinds.filter((kind) => !RESTLESS.includes(kind)).join(','))
  return objects.filter((object) => !object.startsWith('Lease kube-node-lease/'))
}

/**
 * Resolves when all that was not there before is what is expected; some of it goes by itself, later. Rejects,
 * with what there is, when it does not.
 */
export async function leaves(place: Place, before: string[], expected: string[]): Promise<void> {
  const known = new Set(before)
  let left: string[] = []
  await until(
    async () => {
      left = (await everything(place)).filter((object) => !known.has(object))
      return JSON.stringify(left) === JSON.stringify(expected.toSorted())
    },
    { withinMs: 60_000, why: () => `left: ${left.join(', ')}` },
  )
}

/** Where calls to a Webhook go from outside of the cluster: to the node's port of the Service. */
export async function urlOf(place: Place, name: string, namespace = 'default'): Promise<string> {
  const of = ['-n', namespace]
  await place.kubectl(['wait', '--for=condition=Ready', `webhook/${name}`, '--timeout=30s', ...of])
  const shown = await place.kubectl(['get', 'webhook', name, '-o', 'jsonpath={.status.url}', ...of])
  return `${await place.service()}${new URL(shown).pathname}`
}

/** Calls until the ingress pods know the webhook. */
export async function served(url: string): Promise<string> {
  for (let again = 0; again < 200; again++) {
    const answer = await fetch(url)
    if (answer.status !== 404) return answer.text()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it is not served')
}

/**
 * Does what replaces the pods of processes, and resolves when the new ones are ready and the old ones gone.
 */
export async function replaced(
  place: Place,
  processes: string[],
  act: () => Promise<unknown>,
): Promise<void> {
  const { gone } = await renewed(place, processes, act)
  await gone()
}

/** As {@link replaced}, but resolves when the new ones are ready; `gone` does when the old ones are gone. */
export async function renewed(
  place: Place,
  processes: string[],
  act: () => Promise<unknown>,
): Promise<{ gone(): Promise<unknown> }> {
  const selector = ['--selector', `app.kubernetes.io/component in (${processes.join(',')})`]
  const old = await place.kubectl(['get', 'pods', '-n', SYSTEM, ...selector, '-o', 'name'])
  await act()
  const limit = '--timeout=240s'
  for (const process of processes)
    await place.kubectl(['rollout', 'status', `deployment/hooklet-${process}`, '-n', SYSTEM, limit])
  return {
    gone: () => place.kubectl(['wait', '--for=delete', ...old.trim().split('\n'), '-n', SYSTEM, limit]),
  }
}

const apiVersion = 'hooklet.dev/v1alpha1'
const manifest = (items: object[]): string => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })

/**
 * `stored` answers at once and tells the server of its number; `replied` answers with its number; `later`
 * tells the server after a wait; `echo` sends the messages of a WebSocket back.
 */
export function hooks(effects: string, waitSeconds: number): string {
  const tell = (path: string): object => ({
    tell: {
      call: 'http',
      with: { method: 'post', endpoint: `${effects}/${path}`, body: { n: '${ $workflow.input.body.n }' } },
    },
  })
  const answer = (body: object | string): object => ({ answer: { call: 'reply', with: { body } } })
  const limits = { rate: { requests: 10_000, window: '1s' }, connections: 10_000 }
  const hook = (name: string, spec: object, tasks: object[], when?: string): object[] => [
    { apiVersion, kind: 'Webhook', metadata: { name }, spec },
    {
      apiVersion,
      kind: 'Workflow',
      metadata: { name },
      spec: { triggers: [{ webhook: name, ...(when === undefined ? {} : { when }) }], do: tasks },
    },
  ]
  return manifest([
    ...hook('stored', { limits }, [tell('stored')]),
    ...hook('replied', { limits, response: { mode: 'Reply' } }, [
      answer({ n: '${ $workflow.input.body.n }' }),
    ]),
    ...hook('later', { limits }, [{ pause: { wait: { seconds: waitSeconds } } }, tell('later')]),
    ...hook('echo', { type: 'WebSocket' }, [answer('${ .message.data }')], '${ .type == "message" }'),
  ])
}

export interface Answer {
  status: number
  text: string
}

/** Calls over connections that are kept, as proxies do; no call is tried twice. */
export function createCaller(): { post(url: string, body: unknown): Promise<Answer>; close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    async post(url, body) {
      const payload = JSON.stringify(body)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
      const outgoing = request(url, { method: 'POST', agent, headers, timeout: 30_000 })
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 30 s')))
      outgoing.end(payload)
      const [response] = await once(outgoing, 'response')
      return { status: response.statusCode, text: await text(response) }
    },
    close: () => agent.destroy(),
  }
}

export interface Guest {
  /** Sends a message; the answer. */
  ask(text: string): Promise<string>
  leave(): void
}

/** A client of a WebSocket that comes again whenever it is sent away, and notes with which code. */
export async function stay(url: string, codes: number[]): Promise<Guest> {
  const connect = async (): Promise<WebSocket> => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    socket.once('close', (code) => {
      if (left) return
      codes.push(code)
      current = connect()
    })
    await once(socket, 'open')
    return socket
  }
  let left = false
  let current = connect()
  await current
  return {
    async ask(message) {
      const socket = await current
      const answer = once(socket, 'message')
      socket.send(message)
      return String((await answer)[0])
    },
    leave() {
      left = true
      void current.then((socket) => socket.terminate())
    },
  }
}
