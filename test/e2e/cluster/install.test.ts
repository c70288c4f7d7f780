/**
 * The documentation's way from nothing to production and back, on a real node: its commands, word by word,
 * out of README, NOTES and the pages on installing and running. What the machine can't do as it is written,
 * and what is done instead:
 * - it has no Docker and no registry: the images are on the node under the names that the pages give them;
 * - it has no load balancer: the Service gets a port of the node, so that hundreds of calls a second come from outside;
 * - it has no domain redis.example.com: a server of the test, with TLS and the documented rights, stands for it;
 * - its volumes can't grow: the claim is not enlarged;
 * - when something else has port 8080, another one takes its place.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { readExchanges } from '../../../cli/manifests/exchange.ts'
import { expectExchange } from '../../support/exchange.ts'
import type { Daemon } from '../../support/node/daemon.ts'
import { until } from '../../support/until.ts'
import { freePort } from '../../support/redis-server.ts'
import { startEffectServer } from '../processes/fleet.ts'
import type { EffectServer } from '../processes/fleet.ts'
import { NEXT_VERSION, preparePlace, SYSTEM } from './installed.ts'
import type { Place } from './installed.ts'
import { underLoad } from './load.ts'
import { everything, hooks, leaves, list, renewed, replaced, served, urlOf } from './objects.ts'
import { readBlocks } from './pages.ts'
import { holdsState, startOwnRedis } from './redis.ts'
import type { OwnRedis } from './redis.ts'

jest.setTimeout(600_000)

/** How long the run takes that is under way while the state moves: longer than its runner is there. */
const WAIT_SECONDS = 28

/** Where nobody calls, pods need not wait for their last callers. */
const AT_ONCE = '--set ingress.acceptSeconds=1'

let place: Place
let server: EffectServer
let ownRedis: OwnRedis
/** What the cluster had before anything was installed. */
let before: string[]
const opened: Daemon[] = []

beforeAll(async () => {
  place = await preparePlace()
  server = await startEffectServer(0, { host: place.node.address })
  ownRedis = await startOwnRedis(place.node.address, path.join(place.folder, 'source'))
  before = await everything(place)
})
afterAll(async () => {
  for (const daemon of opened) await daemon.stop()
  await ownRedis?.close()
  await server?.close()
  await place?.close()
})

/** What comes with a namespace. */
const NAMESPACE_ITSELF = [
  `ConfigMap ${SYSTEM}/kube-root-ca.crt`,
  `Namespace /${SYSTEM}`,
  `ServiceAccount ${SYSTEM}/default`,
]

const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1)

describe('README, with the oldest Helm', () => {
  test('from nothing to the first answered webhook', async () => {
    const reader = place.reader('oldest')
    const [image, install, forward, call] = await readBlocks('README.md', '## On Kubernetes')
    expect(image).toContain('docker build -t hooklet:0.1.0 .')
    const began = performance.now()
    await reader.paste(install)
    opened.push(await reader.leaveOpen(forward, place.port))
    expect(JSON.parse(await reader.paste(call))).toEqual({ message: 'Hello, Ada!' })
    process.stderr.write(`from helm install to the first answer: ${seconds(began)} s\n`)
    await opened.pop()?.stop()
  })

  test('what Helm says then leads to an answer as well', async () => {
    const reader = place.reader('oldest')
    const notes = await reader.paste(`helm get notes hooklet -n ${SYSTEM}`)
    const blocks = [...notes.matchAll(/(^ {2}.*\n?)+/gm)].map(([block]) => block.replaceAll(/^ {2}/gm, ''))
    const [webhook, forward, call] = blocks
    await reader.paste(webhook)
    opened.push(await reader.leaveOpen(forward, place.port))
    await until(async () => (await reader.paste(call)) === 'Hello', {
      withinMs: 10_000,
      why: () => 'the changed workflow does not answer',
    })
    await opened.pop()?.stop()
  })

  test('after removing everything there is nothing that was not there before', async () => {
    const [, everythingGoes] = await readBlocks('docs/install.md', '## Uninstall')
    await place.reader('oldest').paste(everythingGoes)
    await leaves(place, before, [])
  })
})

describe('the page on installing', () => {
  test('to the first answered webhook, where only restricted pods may run', async () => {
    const reader = place.reader('newest')
    const [install] = await readBlocks('docs/install.md', '## Install')
    const [first, forward, call] = await readBlocks('docs/install.md', '## The first webhook')
    expect(install).toContain('pod-security.kubernetes.io/enforce=restricted')
    await reader.paste(install)
    const began = performance.now()
    expect(await reader.paste(first)).toContain(`http://localhost:${place.port}/webhooks/`)
    opened.push(await reader.leaveOpen(forward, place.port))
    expect(JSON.parse(await reader.paste(call))).toEqual({ message: 'Hello, Ada!' })
    process.stderr.write(`from kubectl apply to the first answer: ${seconds(began)} s\n`)
    await opened.pop()?.stop()
  })

  test('all pods are ready, one operator leads', async () => {
    const ready = 'jsonpath={.items[*].status.containerStatuses[*].ready}'
    const pods = await place.kubectl(['get', 'pods', '-n', SYSTEM, '-o', ready])
    expect(pods.split(' ')).toEqual(Array.from({ length: 7 }, () => 'true'))
    const holder = ['get', 'lease', 'hooklet-operator', '-n', SYSTEM, '-o', 'jsonpath={.spec.holderIdentity}']
    expect(await place.kubectl(holder)).toMatch(/^hooklet-operator-/)
  })

  test('without its trial publicUrl, and with a port of the node, the Service is where the URL leads', async () => {
    const [upgrade] = await readBlocks('docs/install.md', '## Upgrade')
    const values = '--set publicUrl= --set ingress.service.type=NodePort'
    await place.reader('newest').paste(`${upgrade?.trim()} ${values}`)
    const url = ['get', 'webhook', 'hello', '-o', 'jsonpath={.status.url}']
    await until(
      async () => (await place.kubectl(url)).startsWith(`http://hooklet-ingress.${SYSTEM}.svc/webhooks/`),
      {
        withinMs: 30_000,
        why: () => 'the URL does not follow publicUrl',
      },
    )
    expect(JSON.parse(await served(`${await urlOf(place, 'hello')}?name=Ada`))).toEqual({
      message: 'Hello, Ada!',
    })
  })
})

describe('examples', () => {
  const examples = path.join(import.meta.dirname, '../../../examples')
  const namespace = 'examples'
  beforeAll(async () => {
    await place.kubectl(['create', 'namespace', namespace])
    await place.kubectl(['apply', '--recursive', '-f', examples, '-n', namespace])
  })
  afterAll(() => place.kubectl(['delete', 'namespace', namespace]))

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
        if (webhook !== 'base') urls.set(webhook, await urlOf(place, webhook, namespace))
      const placeholder = (wanted: string): string | undefined => {
        if (wanted === 'base') return base
        return wanted.endsWith('.token') ? urls.get(wanted.slice(0, -6))?.split('/').at(-1) : urls.get(wanted)
      }
      for (const exchange of readExchanges(text)) await expectExchange(exchange, placeholder)
    },
  )
})

describe('the page on running it', () => {
  test('a webhook that comes back from a backup has the URL that it had', async () => {
    const reader = place.reader('newest')
    const [backup, restore] = await readBlocks('docs/operations.md', '## Backup and restore')
    const url = await urlOf(place, 'hello')
    await reader.paste(backup)
    await place.kubectl(['delete', 'webhook', 'hello'])
    await place.kubectl(['wait', '--for=delete', 'secret/hello-webhook-url', '--timeout=30s'])
    await reader.paste(restore)
    await reader.paste('kubectl apply -f examples/hello/hello.yaml')
    expect(await urlOf(place, 'hello')).toBe(url)
    expect(JSON.parse(await served(url))).toEqual({ message: 'Hello, world!' })
  })

  test('a copy of the embedded Redis can be loaded', async () => {
    const [copy] = await readBlocks('docs/operations.md', '### Redis')
    await place.reader('newest').paste(copy)
    expect(await holdsState(path.join(place.folder, 'source'), 'hooklet.rdb')).toBe(true)
  })

  test('the embedded Redis gets a larger volume without its pod', async () => {
    const [commands = ''] = await readBlocks(
      'docs/operations.md',
      '### A larger volume for the embedded Redis',
    )
    const [enlarge, ...others] = commands.split('\n')
    expect(enlarge).toContain('kubectl patch pvc')
    const pod = ['get', 'pod', 'hooklet-redis-0', '-n', SYSTEM, '-o', 'jsonpath={.metadata.uid}']
    const before = await place.kubectl(pod)
    await place.reader('newest').paste(others.join('\n'))
    expect(await place.kubectl(pod)).toBe(before)
    const size = 'jsonpath={.spec.volumeClaimTemplates[0].spec.resources.requests.storage}'
    expect(await place.kubectl(['get', 'statefulset', 'hooklet-redis', '-n', SYSTEM, '-o', size])).toBe('4Gi')
  })
})

describe('under 200 calls a second, and with WebSockets, no call fails and no event is lost', () => {
  beforeAll(() => place.kubectl(['apply', '-f', '-'], hooks(server.url, WAIT_SECONDS)))

  test('while every Deployment is restarted', () =>
    underLoad(place, server, async (load) => {
      const leaving: { gone(): Promise<unknown> }[] = []
      for (const process of ['ingress', 'runner', 'operator']) {
        const restart = ['rollout', 'restart', `deployment/hooklet-${process}`, '-n', SYSTEM]
        leaving.push(await renewed(place, [process], () => place.kubectl(restart)))
        expect({ process, wrong: load.wrong.slice(0, 5) }).toEqual({ process, wrong: [] })
      }
      for (const { gone } of leaving) await gone()
    }))

  test('while a next version comes, of another image and another CRD', () =>
    underLoad(place, server, async () => {
      const [upgrade] = await readBlocks('docs/install.md', '## Upgrade')
      await place.pull()
      await replaced(place, ['ingress', 'runner', 'operator'], () => place.reader('newest').paste(upgrade))
      const images = 'jsonpath={.items[*].spec.containers[*].image}'
      const parts = ['--selector', 'app.kubernetes.io/component in (ingress, runner, operator)']
      const run = (await place.kubectl(['get', 'pods', '-n', SYSTEM, ...parts, '-o', images])).split(' ')
      expect(new Set(run)).toEqual(new Set([`registry.example.com/hooklet:${NEXT_VERSION}`]))
      expect(await place.kubectl(['explain', 'webhook.spec.nextField'])).toContain('nextField')
    }))

  test('while the state moves from the embedded Redis to one with TLS and a password, with a run under way', async () => {
    const [make, move, look, remove] = await readBlocks('docs/install.md', '### A Redis of your own')
    const reader = place.reader('newest', elsewhere())
    const later = await urlOf(place, 'later')
    await served(later)
    await reader.paste(make)
    await underLoad(place, server, async () => {
      const accepted = await fetch(later, { method: 'POST', body: JSON.stringify({ n: 1 }) })
      expect(accepted.status).toBe(200)
      await replaced(place, ['ingress', 'runner'], () => reader.paste(move))
    })
    await server.reached('later', 1)
    const left = async (): Promise<string> => (await reader.paste(look)).trim()
    await until(async () => /^128 0$/.test(await left()), { withinMs: 60_000, why: left })
    await reader.paste(remove)
    expect(await ownRedis.holds('hooklet:*')).toBe(true)
    expect(await served(await urlOf(place, 'hello'))).toContain('Hello')
  })
})

const elsewhere = (): Record<string, string> => ({ 'redis.example.com:6380': ownRedis.address })

describe('uninstalling, and installing again', () => {
  test('leaves exactly what the page says, of all kinds that there are', async () => {
    const [uninstall] = await readBlocks('docs/install.md', '## Uninstall')
    const users = [
      ...(await list(place, 'webhooks,workflows')),
      ...(await list(place, 'secrets', '--selector', 'hooklet.dev/webhook')),
      ...(await list(place, 'secrets', '--selector', 'hooklet.dev/artefact')),
    ]
    expect(users.length).toBeGreaterThan(10)
    await place.reader('newest').paste(uninstall)
    await leaves(place, before, [
      ...users,
      'APIService /v1alpha1.hooklet.dev',
      'CustomResourceDefinition /webhooks.hooklet.dev',
      'CustomResourceDefinition /workflows.hooklet.dev',
      `Lease ${SYSTEM}/hooklet-operator`,
      `Secret ${SYSTEM}/redis-ca`,
      `Secret ${SYSTEM}/shared-redis`,
      ...NAMESPACE_ITSELF,
    ])
  })

  test("and installing again, on a Redis of one's own, finds all of it", async () => {
    const [install = ''] = await readBlocks('docs/install.md', '## Install')
    const command = install.slice(install.indexOf('helm install')).trim()
    const values = '--set redis.existingSecret.name=shared-redis --set redis.caSecret.name=redis-ca'
    const url = ['get', 'webhook', 'hello', '-o', 'jsonpath={.status.url}']
    const path = new URL(await place.kubectl(url)).pathname
    await place
      .reader('newest')
      .paste(
        `${command} ${values} ${AT_ONCE} --set ingress.service.type=NodePort --set 'watchNamespaces={default}'`,
      )
    expect(new URL(await urlOf(place, 'hello')).pathname).toBe(path)
    expect(JSON.parse(await served(await urlOf(place, 'hello')))).toEqual({ message: 'Hello, world!' })
  })

  test('a second installation serves its own namespace, with the same CRDs', async () => {
    const [install = ''] = await readBlocks('docs/install.md', '## Several installations')
    const port = await freePort()
    const reader = place.reader('newest', { 8081: String(port) })
    const first = await urlOf(place, 'hello')
    await reader.paste(`${install.trim()} ${AT_ONCE}`)
    await reader.paste('kubectl apply -n staging -f examples/hello/hello.yaml')
    await place.kubectl(['wait', '--for=condition=Ready', 'webhook/hello', '-n', 'staging', '--timeout=30s'])
    const url = await place.kubectl([
      'get',
      'webhook',
      'hello',
      '-n',
      'staging',
      '-o',
      'jsonpath={.status.url}',
    ])
    expect(url.startsWith(`http://localhost:${port}/webhooks/`)).toBe(true)
    const forward = 'kubectl port-forward -n hooklet-staging service/hooklet-ingress 8081:80'
    opened.push(await reader.leaveOpen(forward, port))
    expect(JSON.parse(await served(url))).toEqual({ message: 'Hello, world!' })
    await opened.pop()?.stop()
    // Each knows its own only.
    const foreign = `${await place.service()}${new URL(url).pathname}`
    expect((await fetch(foreign)).status).toBe(404)
    expect(await urlOf(place, 'hello')).toBe(first)
    await place.kubectl(['delete', 'webhooks,workflows', '--all', '-n', 'staging'])
    await reader.paste('helm uninstall hooklet -n hooklet-staging --wait')
    await place.kubectl(['wait', '--for=delete', 'pods', '--all', '-n', 'hooklet-staging', '--timeout=120s'])
    await place.kubectl(['delete', 'namespace', 'staging', 'hooklet-staging'])
    expect(await served(first)).toContain('Hello')
  })

  test('with crds.keep=false takes the CRDs along, and all that users made of them', async () => {
    const [upgrade] = await readBlocks('docs/install.md', '## Upgrade')
    const [uninstall, everythingGoes = ''] = await readBlocks('docs/install.md', '## Uninstall')
    const reader = place.reader('newest')
    await reader.paste(`${upgrade?.trim()} --set crds.keep=false`)
    await reader.paste(uninstall)
    await leaves(place, before, [
      `Lease ${SYSTEM}/hooklet-operator`,
      `Secret ${SYSTEM}/redis-ca`,
      `Secret ${SYSTEM}/shared-redis`,
      ...NAMESPACE_ITSELF,
    ])
    await reader.paste(everythingGoes.trim().split('\n').at(-1))
    await leaves(place, before, [])
  })
})
