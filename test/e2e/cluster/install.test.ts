/** The chart on a real node: installed, called, restarted and upgraded under load, and removed. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { WebSocket } from 'ws'
import { readExchanges } from '../../../cli/manifests/exchange.ts'
import { expectExchange } from '../../support/exchange.ts'
import type { Load } from '../../support/load.ts'
import { startSteadyLoad } from '../../support/load.ts'
import { startEffectServer } from '../processes/fleet.ts'
import { createCaller, preparePlace, SYSTEM } from './installed.ts'
import type { Place } from './installed.ts'

jest.setTimeout(600_000)

const PER_SECOND = 200

let place: Place
beforeAll(async () => {
  place = await preparePlace()
})
afterAll(() => place?.close())

const examples = path.join(import.meta.dirname, '../../../examples')

/** Where calls to a Webhook go from outside of the cluster: to the node's port of the Service. */
async function urlOf(name: string, namespace = 'default'): Promise<string> {
  const of = ['-n', namespace]
  await place.kubectl(['wait', '--for=condition=Ready', `webhook/${name}`, '--timeout=30s', ...of])
  const shown = await place.kubectl(['get', 'webhook', name, '-o', 'jsonpath={.status.url}', ...of])
  return `${await place.service()}${new URL(shown).pathname}`
}

/** Calls until the ingress pods know the webhook. */
async function served(url: string): Promise<string> {
  for (let again = 0; again < 200; again++) {
    const answer = await fetch(url)
    if (answer.status !== 404) return answer.text()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it is not served')
}

test('from nothing to the first answered webhook', async () => {
  const began = performance.now()
  const notes = await place.helm('install', '--wait', '--timeout', '180s')
  expect(notes).toContain('Next, a first webhook, and its URL:')
  const installed = performance.now()
  await place.kubectl(['apply', '-f', path.join(examples, 'hello/hello.yaml')])
  expect(JSON.parse(await served(`${await urlOf('hello')}?name=Ada`))).toEqual({ message: 'Hello, Ada!' })
  const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)
  process.stderr.write(
    `helm install to ready and first answer: ${seconds(began)} s; apply to answer: ${seconds(installed)} s\n`,
  )
})

test('the manifest of the notes is a webhook that answers', async () => {
  const notes = await readFile(
    path.join(import.meta.dirname, '../../../charts/hooklet/templates/NOTES.txt'),
    'utf8',
  )
  const manifest = /<<'EOF'\n([^]*?)\n *EOF/.exec(notes)?.[1]?.replaceAll(/^ {2}/gm, '') ?? ''
  await place.kubectl(['apply', '-f', '-'], manifest)
  expect(await served(await urlOf('hello'))).toBe('Hello')
})

describe('examples', () => {
  const namespace = 'examples'
  beforeAll(async () => {
    await place.kubectl(['create', 'namespace', namespace])
    await place.kubectl(['apply', '--recursive', '-f', examples, '-n', namespace])
  })

  test('all of them become Ready', async () => {
    const resources = ['webhooks,workflows', '--all', '-n', namespace]
    await place.kubectl(['wait', '--for=condition=Ready', ...resources, '--timeout=60s'])
  })

  test.each(['hello', 'order', 'contact', 'partner', 'flow', 'throttled', 'fan-out'])(
    '%s answers from outside as its page says',
    async (name) => {
      const text = await readFile(path.join(examples, `${name}/${name}.http`), 'utf8')
      const base = await place.service()
      const named = [...text.matchAll(/\{\{([\w-]+)(?:\.token)?\}\}/g)].map(([, webhook = '']) => webhook)
      const urls = new Map<string, string>()
      for (const webhook of new Set(named))
        if (webhook !== 'base') urls.set(webhook, await urlOf(webhook, namespace))
      const placeholder = (wanted: string): string | undefined => {
        if (wanted === 'base') return base
        return wanted.endsWith('.token') ? urls.get(wanted.slice(0, -6))?.split('/').at(-1) : urls.get(wanted)
      }
      for (const exchange of readExchanges(text)) await expectExchange(exchange, placeholder)
    },
  )
})

test('all pods run under the restricted Pod Security Standard, one operator leads', async () => {
  const pods = await place.kubectl([
    'get',
    'pods',
    '-n',
    SYSTEM,
    '-o',
    'jsonpath={.items[*].status.containerStatuses[*].ready}',
  ])
  expect(pods.split(' ')).toEqual(Array.from({ length: 7 }, () => 'true'))
  const holder = await place.kubectl([
    'get',
    'lease',
    'hooklet-operator',
    '-n',
    SYSTEM,
    '-o',
    'jsonpath={.spec.holderIdentity}',
  ])
  expect(holder).toMatch(/^hooklet-operator-/)
})

const LOADED = (effects: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: ['stored', 'replied'].flatMap((name) => {
      const metadata = { name }
      const apiVersion = 'hooklet.dev/v1alpha1'
      const effect = {
        tell: {
          call: 'http',
          with: { method: 'post', endpoint: `${effects}/${name}`, body: { n: '${ .body.n }' } },
        },
      }
      const reply = { answer: { call: 'reply', with: { body: { n: '${ $workflow.input.body.n }' } } } }
      const mode = name === 'replied' ? 'Reply' : 'Immediate'
      const limits = { rate: { requests: 10_000, window: '1s' }, connections: 10_000 }
      return [
        { apiVersion, kind: 'Webhook', metadata, spec: { response: { mode }, limits } },
        {
          apiVersion,
          kind: 'Workflow',
          metadata,
          spec: { triggers: [{ webhook: name }], do: name === 'replied' ? [reply] : [effect] },
        },
      ]
    }),
  })

/** Does what replaces the pods of a process, and resolves when the new ones are ready and the old ones gone. */
async function replaced(process: string, act: () => Promise<unknown>): Promise<void> {
  const selector = `app.kubernetes.io/component=${process}`
  const old = await place.kubectl(['get', 'pods', '-n', SYSTEM, '--selector', selector, '-o', 'name'])
  await act()
  const limit = '--timeout=240s'
  await place.kubectl(['rollout', 'status', `deployment/hooklet-${process}`, '-n', SYSTEM, limit])
  await place.kubectl(['wait', '--for=delete', ...old.trim().split('\n'), '-n', SYSTEM, limit])
}

test('restarts and an upgrade under 200 calls a second fail no call and lose no event', async () => {
  const server = await startEffectServer(0, place.node.address)
  const caller = createCaller()
  let load: Load | undefined
  try {
    await place.kubectl(['apply', '-f', '-'], LOADED(server.url))
    const [stored, replied] = [await urlOf('stored'), await urlOf('replied')]
    await Promise.all([served(stored), served(replied)])
    const accepted: number[] = []
    // Every fourth caller waits for what its workflow says.
    load = startSteadyLoad(PER_SECOND, async (n) => {
      const waits = n % 4 === 0
      const { status, text } = await caller.post(waits ? replied : stored, { n })
      if (status !== 200) return `${status} ${text}`
      if (waits) return text === JSON.stringify({ n }) ? undefined : `${n} got ${text}`
      accepted.push(n)
      return undefined
    })
    await load.served(2 * PER_SECOND)
    for (const process of ['ingress', 'runner', 'operator']) {
      await replaced(process, () =>
        place.kubectl(['rollout', 'restart', `deployment/hooklet-${process}`, '-n', SYSTEM]),
      )
      expect({ process, wrong: load.wrong.slice(0, 5) }).toEqual({ process, wrong: [] })
    }
    await replaced('ingress', () =>
      place.helm('upgrade', '--wait', '--timeout', '240s', '--set', 'logLevel=warn'),
    )
    await load.served(2 * PER_SECOND)
    const calls = await load.stop()
    expect(load.wrong).toEqual([])
    await server.reached('stored', accepted)
    process.stderr.write(`${calls} calls, ${accepted.length} stored and run, none failed\n`)
  } finally {
    await load?.stop()
    caller.close()
    await server.close()
  }
})

test('WebSockets are closed with 1012 when their pod is replaced, and can connect again', async () => {
  const apiVersion = 'hooklet.dev/v1alpha1'
  const metadata = { name: 'echo' }
  const echo = { answer: { call: 'reply', with: { body: '${ .message.data }' } } }
  await place.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion, kind: 'Webhook', metadata, spec: { type: 'WebSocket' } },
        {
          apiVersion,
          kind: 'Workflow',
          metadata,
          spec: { triggers: [{ webhook: 'echo', when: '${ .type == "message" }' }], do: [echo] },
        },
      ],
    }),
  )
  const url = await urlOf('echo')
  await served(url)
  const codes: number[] = []
  const clients = await Promise.all(Array.from({ length: 20 }, () => stay(url, codes)))
  await replaced('ingress', () =>
    place.kubectl(['rollout', 'restart', 'deployment/hooklet-ingress', '-n', SYSTEM]),
  )
  // A client that came from the first old pod to the second has been sent away twice.
  expect(codes.length).toBeGreaterThanOrEqual(20)
  expect(new Set(codes)).toEqual(new Set([1012]))
  const answers = await Promise.all(clients.map((client, n) => client.ask(`number ${n}`)))
  expect(answers).toEqual(clients.map((_, n) => `number ${n}`))
  for (const client of clients) client.leave()
})

/** A client that comes again whenever it is sent away, and remembers with which code. */
async function stay(
  url: string,
  codes: number[],
): Promise<{ ask(text: string): Promise<string>; leave(): void }> {
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
    async ask(text) {
      const socket = await current
      const answer = once(socket, 'message')
      socket.send(text)
      return String((await answer)[0])
    },
    leave() {
      left = true
      void current.then((socket) => socket.terminate())
    },
  }
}

test('after uninstalling, the resources of users, their URLs and the data of Redis are there, and nothing that runs', async () => {
  const before = await place.kubectl(['get', 'webhook', 'hello', '-o', 'jsonpath={.status.url}'])
  await place.helm('uninstall', '--wait', '--timeout', '180s')
  // They may take their time to drain.
  await place.kubectl(['wait', '--for=delete', 'pods', '--all', '-n', SYSTEM, '--timeout=180s'])
  const kinds =
    'deployments,statefulsets,pods,services,serviceaccounts,configmaps,roles,rolebindings,poddisruptionbudgets,persistentvolumeclaims'
  const left = await place.kubectl(['get', kinds, '-n', SYSTEM, '-o', 'name'])
  expect(left.trim().split('\n').toSorted()).toEqual([
    'configmap/kube-root-ca.crt',
    'persistentvolumeclaim/data-hooklet-redis-0',
    'serviceaccount/default',
  ])
  const wide = await place.kubectl(['get', 'clusterroles,clusterrolebindings,crds', '-o', 'name'])
  expect(wide.split('\n').filter((name) => name.includes('hooklet'))).toEqual([
    'customresourcedefinition.apiextensions.k8s.io/webhooks.hooklet.dev',
    'customresourcedefinition.apiextensions.k8s.io/workflows.hooklet.dev',
  ])

  await place.helm('install', '--wait', '--timeout', '180s')
  await place.kubectl(['wait', '--for=condition=Ready', 'webhook/hello', '--timeout=60s'])
  expect(await place.kubectl(['get', 'webhook', 'hello', '-o', 'jsonpath={.status.url}'])).toBe(before)
  expect(await served(await urlOf('hello'))).toBe('Hello')
})
