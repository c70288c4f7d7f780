import { beforeEach, describe, expect, test } from '@jest/globals'
import { createObjectCache, type ObjectCache } from '../../../operator/control/cache.ts'
import { createDependencies } from '../../../operator/control/dependencies.ts'
import { isAtLeast } from '../../../operator/control/version.ts'
import { referenceKey, type Reference } from '../../../operator/references.ts'
import type { ConfigMap, Secret } from '../../../crds/object.ts'
import type { Webhook, Workflow } from '../../../crds/types.gen.ts'
import { stored } from '../golden.ts'

let cache: ObjectCache
let told: string[]
let reads: string[]
let cluster: Map<string, ConfigMap | Secret>

beforeEach(() => {
  told = []
  reads = []
  cluster = new Map()
  cache = createObjectCache({
    read(kind, { namespace, name }) {
      reads.push(`${kind}/${namespace}/${name}`)
      return Promise.resolve(cluster.get(`${kind}/${namespace}/${name}`))
    },
    onResource: (kind, { namespace, name }) => told.push(`${kind} ${namespace}/${name}`),
    onTouched: (references) => told.push(...references.map((reference) => `~${referenceKey(reference)}`)),
  })
})

const meta = (name: string, resourceVersion: string, more: object = {}) => ({
  namespace: 'shop',
  name,
  resourceVersion,
  uid: `uid-of-${name}`,
  ...more,
})
const hook = (version: string, more: object = {}): Webhook => {
  const [object] = stored('{apiVersion: hooklet.dev/v1alpha1, kind: Webhook, metadata: {name: orders}}')
  return { ...(object as Webhook), metadata: meta('orders', version, more) }
}
const flow = (version: string, webhooks: string[], more: object = {}): Workflow => {
  const triggers = webhooks.map((webhook) => `{webhook: ${webhook}}`).join(', ')
  const [object] = stored(
    `{apiVersion: hooklet.dev/v1alpha1, kind: Workflow, metadata: {name: ship}, spec: {triggers: [${triggers}], do: [{a: {call: reply}}]}}`,
  )
  return { ...(object as Workflow), metadata: meta('ship', version, { generation: 1, ...more }) }
}
const secret = (name: string, version: string, data: Record<string, string> = {}, labels = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: meta(name, version, { labels }),
  data: Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  ),
})

const lastTold = (): string[] => told.splice(0)

describe('Webhooks and Workflows', () => {
  test('are told of when they are new, changed or gone, and to those that name them when they come or go', () => {
    cache.sinks.webhooks.put(hook('1'))
    expect(lastTold()).toEqual(['~Webhook/shop/orders', 'Webhook shop/orders'])
    cache.sinks.webhooks.put(hook('2'))
    expect(lastTold()).toEqual(['Webhook shop/orders'])
    cache.sinks.webhooks.remove({ namespace: 'shop', name: 'orders' })
    expect(lastTold()).toEqual(['~Webhook/shop/orders', 'Webhook shop/orders'])
    expect(cache.webhook({ namespace: 'shop', name: 'orders' })).toBeUndefined()
  })

  test('the echo of an own write, and what is older, is no change', () => {
    cache.sinks.webhooks.put(hook('9'))
    cache.take(hook('10'))
    lastTold()
    cache.sinks.webhooks.put(hook('10'))
    cache.sinks.webhooks.put(hook('9'))
    expect(lastTold()).toEqual([])
    expect(cache.webhook({ namespace: 'shop', name: 'orders' })?.metadata.resourceVersion).toBe('10')
  })

  test('an answer that comes after the end does not bring an object back to life, another of its name does', () => {
    cache.sinks.webhooks.put(hook('1'))
    cache.sinks.webhooks.remove({ namespace: 'shop', name: 'orders' })
    cache.take(hook('2'))
    expect(cache.webhook({ namespace: 'shop', name: 'orders' })).toBeUndefined()
    cache.sinks.webhooks.put(hook('3', { uid: 'another' }))
    expect(cache.webhook({ namespace: 'shop', name: 'orders' })).toBeDefined()
  })

  test('a Workflow touches the Webhooks that it names before and after, but not by a new status', async () => {
    cache.sinks.workflows.put(flow('1', ['a', 'b']))
    expect(lastTold()).toEqual(['~WorkflowsOf/shop/a', '~WorkflowsOf/shop/b', 'Workflow shop/ship'])
    cache.sinks.workflows.put(flow('2', ['a', 'b']))
    expect(lastTold()).toEqual(['Workflow shop/ship'])
    cache.sinks.workflows.put(flow('3', ['b', 'c'], { generation: 2 }))
    expect(lastTold()).toEqual([
      '~WorkflowsOf/shop/a',
      '~WorkflowsOf/shop/b',
      '~WorkflowsOf/shop/c',
      'Workflow shop/ship',
    ])
    expect(cache.workflowsOf({ namespace: 'shop', name: 'a' })).toEqual([])
    expect(cache.workflowsOf({ namespace: 'shop', name: 'c' }).map(({ metadata }) => metadata.name)).toEqual([
      'ship',
    ])
    cache.sinks.workflows.put(
      flow('4', ['b', 'c'], { generation: 2, deletionTimestamp: '2026-01-01T00:00:00Z' }),
    )
    expect(lastTold()).toContain('~WorkflowsOf/shop/c')
    cache.sinks.workflows.remove({ namespace: 'shop', name: 'ship' })
    expect(cache.workflowsOf({ namespace: 'shop', name: 'c' })).toEqual([])
  })
})

describe('what is referred to', () => {
  const metadata = (name: string, version: string) => ({ metadata: meta(name, version) })

  test('is read once for each version, and not at all when it is not there', async () => {
    expect(await cache.secret({ namespace: 'shop', name: 'door' })).toBeUndefined()
    expect(reads).toEqual([])
    cluster.set('Secret/shop/door', secret('door', '5', { token: 'a' }))
    cache.sinks.metadata.Secret.put(metadata('door', '5'))
    expect(lastTold()).toEqual(['~Secret/shop/door'])
    const both = await Promise.all([
      cache.secret({ namespace: 'shop', name: 'door' }),
      cache.secret({ namespace: 'shop', name: 'door' }),
    ])
    expect(both[0]).toBe(both[1])
    expect(reads).toHaveLength(1)
    cluster.set('Secret/shop/door', secret('door', '6', { token: 'b' }))
    cache.sinks.metadata.Secret.put(metadata('door', '6'))
    expect((await cache.secret({ namespace: 'shop', name: 'door' }))?.metadata.resourceVersion).toBe('6')
    expect(reads).toHaveLength(2)
  })

  test('that is read newer than the watch has told is not read again when the watch tells it', async () => {
    cluster.set('Secret/shop/door', secret('door', '8'))
    cache.sinks.metadata.Secret.put(metadata('door', '5'))
    await cache.secret({ namespace: 'shop', name: 'door' })
    cache.sinks.metadata.Secret.put(metadata('door', '8'))
    await cache.secret({ namespace: 'shop', name: 'door' })
    expect(reads).toHaveLength(1)
    cache.sinks.metadata.Secret.put(metadata('door', '10'))
    await cache.secret({ namespace: 'shop', name: 'door' })
    expect(reads).toHaveLength(2)
  })

  test('is gone with the object, and its content with its last reader', async () => {
    cluster.set('Secret/shop/door', secret('door', '5'))
    cache.sinks.metadata.Secret.put(metadata('door', '5'))
    await cache.secret({ namespace: 'shop', name: 'door' })
    cache.retain(({ name }) => name === 'door')
    await cache.secret({ namespace: 'shop', name: 'door' })
    expect(reads).toHaveLength(1)
    cache.retain(() => false)
    await cache.secret({ namespace: 'shop', name: 'door' })
    expect(reads).toHaveLength(2)
    cache.sinks.metadata.Secret.remove({ namespace: 'shop', name: 'door' })
    expect(await cache.secret({ namespace: 'shop', name: 'door' })).toBeUndefined()
  })

  test('ConfigMaps and Secrets of one name are two', async () => {
    cluster.set('Secret/shop/x', secret('x', '1'))
    cache.sinks.metadata.Secret.put(metadata('x', '1'))
    expect(await cache.configMap({ namespace: 'shop', name: 'x' })).toBeUndefined()
    expect(await cache.secret({ namespace: 'shop', name: 'x' })).toBeDefined()
  })
})

describe('globals and Secrets with URLs', () => {
  test('globals touch those names whose value differs', async () => {
    cache.sinks.globals.Secret.put(
      secret('settings', '1', { A: '1', B: '2' }, { 'hooklet.dev/globals': 'true' }),
    )
    expect(lastTold()).toEqual(['~Global/shop/*', '~Global/shop/A', '~Global/shop/B'])
    cache.sinks.globals.Secret.put(
      secret('settings', '2', { A: '1', B: '3' }, { 'hooklet.dev/globals': 'true' }),
    )
    expect(lastTold()).toEqual(['~Global/shop/*', '~Global/shop/B'])
    expect(cache.globals('shop')).toHaveLength(1)
    expect(cache.globals('other')).toEqual([])
    cache.sinks.globals.Secret.remove({ namespace: 'shop', name: 'settings' })
    expect(lastTold()).toEqual(['~Global/shop/*', '~Global/shop/A', '~Global/shop/B'])
  })

  test('a Secret gives the token of the Webhook that it is named after, not of the one that its label claims', async () => {
    const labelled = (name: string, label: string) =>
      secret(name, '1', { token: 'the-token' }, { 'hooklet.dev/webhook': label })
    cache.sinks.urlSecrets.put(labelled('anything', 'orders'))
    expect(cache.generatedToken({ namespace: 'shop', name: 'orders' })).toBeUndefined()
    cache.sinks.urlSecrets.put(labelled('orders-webhook-url', 'orders'))
    expect(cache.generatedToken({ namespace: 'shop', name: 'orders' })).toBe('the-token')
    expect(lastTold()).toEqual(['~GeneratedToken/shop/orders'])
    cache.sinks.urlSecrets.remove({ namespace: 'shop', name: 'orders-webhook-url' })
    expect(cache.generatedToken({ namespace: 'shop', name: 'orders' })).toBeUndefined()
  })
})

test.each([
  ['10', '9', true],
  ['9', '10', false],
  ['10', '10', true],
  ['11', '12', false],
  [undefined, '1', false],
  ['1', undefined, true],
])('version %s is at least %s: %s', (a, b, expected) => {
  expect(isAtLeast(a, b)).toBe(expected)
})

describe('dependencies', () => {
  const door: Reference = { kind: 'Secret', namespace: 'shop', name: 'door' }

  test('a change that comes while something is compiled from it is not lost', async () => {
    const dependencies = createDependencies()
    const reading = Promise.withResolvers<void>()
    const tracking = dependencies.track('hook', async () => {
      await reading.promise
      return { references: [door] }
    })
    expect(dependencies.changed([door])).toEqual([])
    reading.resolve()
    expect((await tracking).changed).toBe(true)
    expect((await dependencies.track('hook', () => Promise.resolve({ references: [door] }))).changed).toBe(
      false,
    )
    expect(dependencies.changed([door])).toEqual(['hook'])
  })

  test('keeps what was known when compiling fails', async () => {
    const dependencies = createDependencies()
    await dependencies.track('hook', () => Promise.resolve({ references: [door] }))
    await expect(dependencies.track('hook', () => Promise.reject(new Error('x')))).rejects.toThrow('x')
    expect(dependencies.isRead(door)).toBe(true)
    dependencies.forget('hook')
    expect(dependencies.isRead(door)).toBe(false)
  })
})
