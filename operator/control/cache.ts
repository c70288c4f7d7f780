/**
 * What the operator knows of the cluster: Webhooks, Workflows, globals and the Secrets with URLs, in full; of
 * all other Secrets and ConfigMaps only that they are there. One of these is read when something refers to
 * it, and kept as long as its version is the current one. So no tenant's Secret is in memory that no resource
 * refers to.
 */
import { urlSecretName, WEBHOOK_LABEL } from '../../crds/contract.ts'
import type { ConfigMap, ObjectMeta, Secret } from '../../crds/object.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import type { ObjectName, ObjectSink } from '../../kube/follow.ts'
import { touchedReferences, type Reference } from '../references.ts'
import type { ObjectSource } from '../source.ts'
import { tokenIn } from '../tokens/url-secret.ts'
import { createTriggerIndex } from './triggers.ts'
import { createRemoved } from './removed.ts'
import { isAtLeast } from './version.ts'

/** An object of which only the metadata came. */
export interface MetadataOnly {
  metadata: ObjectMeta
}

type Referenced = ConfigMap | Secret
export type Resource = Webhook | Workflow

export interface ObjectCache extends ObjectSource {
  /** Sinks for what is followed. */
  readonly sinks: {
    webhooks: ObjectSink<Webhook>
    workflows: ObjectSink<Workflow>
    globals: Record<Referenced['kind'], ObjectSink<Referenced>>
    urlSecrets: ObjectSink<Secret>
    metadata: Record<Referenced['kind'], ObjectSink<MetadataOnly>>
  }
  findWebhook(name: ObjectName): Webhook | undefined
  findWorkflow(name: ObjectName): Workflow | undefined
  /** The Secret with the Webhook's URL, when it is labelled as such. */
  urlSecret(webhook: ObjectName): Secret | undefined
  webhooks(): Iterable<Webhook>
  workflows(): Iterable<Workflow>
  /** As `workflowsOf`, at once. */
  triggeredBy(namespace: string, webhook: string): Workflow[]
  /**
   * Takes what the API server answered to a write of ours, before the watch brings it: its echo is then no
   * change.
   */
  take(object: Webhook | Workflow): void
  takeUrlSecret(webhook: ObjectName, secret: Secret): void
  /** Takes what was read just now, although the watch did not tell of it. */
  foundUrlSecret(webhook: ObjectName, secret: Secret): void
  /** Whether the end of the object with this uid has been seen. */
  hasEnded(uid: string): boolean
  /** Drops the content of Secrets and ConfigMaps that nothing reads any more. */
  retain(isRead: (reference: Reference) => boolean): void
}

export interface ObjectCacheOptions {
  /** Reads one object; undefined when it is not there. */
  read(kind: Referenced['kind'], name: ObjectName): Promise<Referenced | undefined>
  /** A Webhook or Workflow was added, changed or removed. */
  onResource(kind: Resource['kind'], name: ObjectName): void
  /** What others may have been compiled from has changed. */
  onTouched(references: Reference[]): void
}

export function createObjectCache({ read, onResource, onTouched }: ObjectCacheOptions): ObjectCache {
  const removed = createRemoved()
  const webhooks = new Map<string, Webhook>()
  const workflows = new Map<string, Workflow>()
  const triggered = createTriggerIndex()
  const globals = new Map<string, Map<string, Referenced>>()
  const urlSecrets = new Map<string, Secret>()
  const versions = { ConfigMap: new Map<string, string>(), Secret: new Map<string, string>() }
  const contents = new Map<string, { version: string; object: Promise<Referenced | undefined> }>()

  function setWebhook(name: ObjectName, after: Webhook | undefined): boolean {
    const before = webhooks.get(keyOf(name))
    if (!store(webhooks, keyOf(name), after)) return false
    if (!after) removed.note(before?.metadata.uid)
    // Who names a Webhook cares whether it is there, not what is in it.
    if (before === undefined || after === undefined) onTouched(touchedReferences(before, after))
    return true
  }

  function setWorkflow(name: ObjectName, after: Workflow | undefined): boolean {
    const before = workflows.get(keyOf(name))
    if (!store(workflows, keyOf(name), after)) return false
    if (!after) removed.note(before?.metadata.uid)
    triggered.replace(before, after)
    // A new status is nothing that a Webhook was compiled from.
    if (standing(before) !== standing(after)) onTouched(touchedReferences(before, after))
    return true
  }

  function setGlobals(name: ObjectName, kind: Referenced['kind'], after: Referenced | undefined): void {
    const { namespace } = name
    const ofNamespace = globals.get(namespace) ?? new Map<string, Referenced>()
    globals.set(namespace, ofNamespace)
    const key = `${kind}/${name.name}`
    const before = ofNamespace.get(key)
    if (!store(ofNamespace, key, after)) return
    if (ofNamespace.size === 0) globals.delete(namespace)
    onTouched(touchedReferences(before, after).filter((reference) => reference.kind === 'Global'))
  }

  function setVersion(name: ObjectName, kind: Referenced['kind'], version: string | undefined): void {
    if (version === undefined) versions[kind].delete(keyOf(name))
    else versions[kind].set(keyOf(name), version)
    const content = contents.get(`${kind}/${keyOf(name)}`)
    if (content && (version === undefined || !isAtLeast(content.version, version)))
      contents.delete(`${kind}/${keyOf(name)}`)
    onTouched([{ kind, ...name }])
  }

  function setUrlSecret(webhook: ObjectName, after: Secret | undefined): void {
    if (store(urlSecrets, keyOf(webhook), after)) onTouched([{ kind: 'GeneratedToken', ...webhook }])
  }

  async function referenced(kind: Referenced['kind'], name: ObjectName): Promise<Referenced | undefined> {
    const version = versions[kind].get(keyOf(name))
    if (version === undefined) return undefined
    const key = `${kind}/${keyOf(name)}`
    const known = contents.get(key)
    if (known) return known.object
    const entry = { version, object: read(kind, name) }
    contents.set(key, entry)
    try {
      const object = await entry.object
      // What was read may be newer than what the watch has brought by now.
      entry.version = object?.metadata.resourceVersion ?? version
      return object
    } catch (error) {
      if (contents.get(key) === entry) contents.delete(key)
      throw error
    }
  }

  const sinkOf = (kind: Referenced['kind']) => ({
    globals: {
      put: (object: Referenced) => setGlobals(nameOf(object), kind, slim(Object.assign(object, { kind }))),
      remove: (name: ObjectName) => setGlobals(name, kind, undefined),
    },
    metadata: {
      put: (object: MetadataOnly) => setVersion(nameOf(object), kind, object.metadata.resourceVersion),
      remove: (name: ObjectName) => setVersion(name, kind, undefined),
    },
  })
  const configMaps = sinkOf('ConfigMap')
  const secrets = sinkOf('Secret')
  /** Secrets with URLs by their own names, as watches speak of them. */
  const webhookOfSecret = new Map<string, ObjectName>()

  return {
    sinks: {
      webhooks: {
        put(webhook) {
          if (setWebhook(nameOf(webhook), slim(webhook))) onResource('Webhook', nameOf(webhook))
        },
        remove(name) {
          if (setWebhook(name, undefined)) onResource('Webhook', name)
        },
      },
      workflows: {
        put(workflow) {
          if (setWorkflow(nameOf(workflow), slim(workflow))) onResource('Workflow', nameOf(workflow))
        },
        remove(name) {
          if (setWorkflow(name, undefined)) onResource('Workflow', name)
        },
      },
      globals: { ConfigMap: configMaps.globals, Secret: secrets.globals },
      metadata: { ConfigMap: configMaps.metadata, Secret: secrets.metadata },
      urlSecrets: {
        put(secret) {
          const webhook = webhookOf(secret)
          // Anybody may put the label on a Secret of another name.
          if (secret.metadata.name !== urlSecretName(webhook.name)) return
          webhookOfSecret.set(keyOf(nameOf(secret)), webhook)
          setUrlSecret(webhook, slim(secret))
        },
        remove(name) {
          const webhook = webhookOfSecret.get(keyOf(name))
          webhookOfSecret.delete(keyOf(name))
          if (!webhook) return
          removed.note(urlSecrets.get(keyOf(webhook))?.metadata.uid)
          setUrlSecret(webhook, undefined)
        },
      },
    },

    findWebhook: (name) => webhooks.get(keyOf(name)),
    findWorkflow: (name) => workflows.get(keyOf(name)),
    urlSecret: (webhook) => urlSecrets.get(keyOf(webhook)),
    webhooks: () => webhooks.values(),
    workflows: () => workflows.values(),
    triggeredBy: (namespace, webhook) => triggered.of(namespace, webhook),

    take(object) {
      if (removed.has(object.metadata.uid)) return
      if (object.kind === 'Webhook') setWebhook(nameOf(object), slim(object))
      else setWorkflow(nameOf(object), slim(object))
    },

    takeUrlSecret(webhook, secret) {
      if (removed.has(secret.metadata.uid)) return
      webhookOfSecret.set(keyOf(nameOf(secret)), webhook)
      store(urlSecrets, keyOf(webhook), slim(secret))
    },

    foundUrlSecret(webhook, secret) {
      removed.forget(secret.metadata.uid)
      this.takeUrlSecret(webhook, secret)
    },

    hasEnded: (uid) => removed.has(uid),

    retain(isRead) {
      for (const key of contents.keys()) {
        const [kind = '', namespace = '', name = ''] = key.split('/')
        if (!isRead({ kind: kind as Referenced['kind'], namespace, name })) contents.delete(key)
      }
    },

    configMap: (namespace, name) =>
      referenced('ConfigMap', { namespace, name }) as Promise<ConfigMap | undefined>,
    secret: (namespace, name) => referenced('Secret', { namespace, name }) as Promise<Secret | undefined>,
    globals: (namespace) => Promise.resolve([...(globals.get(namespace)?.values() ?? [])]),
    webhook: (namespace, name) => Promise.resolve(webhooks.get(keyOf({ namespace, name }))),
    workflowsOf: (namespace, webhook) => Promise.resolve(triggered.of(namespace, webhook)),
    generatedToken(namespace, webhook) {
      const secret = urlSecrets.get(keyOf({ namespace, name: webhook }))
      return Promise.resolve(secret && tokenIn(secret))
    },
  }
}

/** What a Webhook sees of a Workflow. */
const standing = (workflow: Workflow | undefined): string | undefined =>
  workflow &&
  `${workflow.metadata.uid}/${workflow.metadata.generation}/${workflow.metadata.deletionTimestamp}`

/**
 * Who manages which field, and what kubectl applied last, are of no use here, and larger than many a spec.
 */
function slim<Kept extends { metadata: ObjectMeta }>(object: Kept): Kept {
  const { metadata } = object
  delete (metadata as { managedFields?: unknown }).managedFields
  if (metadata.annotations) delete metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']
  return object
}

export const nameOf = (object: MetadataOnly): ObjectName => ({
  namespace: object.metadata.namespace ?? 'default',
  name: object.metadata.name,
})

/** The key of an object among those of its kind. */
const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`

function webhookOf(secret: Secret): ObjectName {
  return { namespace: nameOf(secret).namespace, name: secret.metadata.labels?.[WEBHOOK_LABEL] ?? '' }
}

/** Sets or deletes; false when nothing newer came. */
function store<Kept extends { metadata: ObjectMeta }>(
  map: Map<string, Kept>,
  key: string,
  object: Kept | undefined,
): boolean {
  const before = map.get(key)
  if (object === undefined) return map.delete(key)
  const same = before?.metadata.uid === object.metadata.uid
  if (same && isAtLeast(before?.metadata.resourceVersion, object.metadata.resourceVersion)) return false
  map.set(key, object)
  return true
}
