/**
 * What the operator knows of the cluster: Webhooks, Workflows, globals and the Secrets with URLs, in full; of
 * all other Secrets and ConfigMaps only that they are there, until something refers to one ({@link Contents}).
 */
import type { ConfigMap, ObjectMeta, Secret } from '../../crds/object.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import type { ObjectSink } from '../../kube/follow.ts'
import { touchedReferences, type Reference } from '../references.ts'
import { nameOf, type ObjectName, type ObjectSource } from '../source.ts'
import { tokenIn } from '../tokens/url-secret.ts'
import { createContents, type ReadReferenced, type Referenced } from './contents.ts'
import { createLatest, type Latest } from './latest.ts'
import { createRemoved } from './removed.ts'
import { createTriggerIndex } from './triggers.ts'
import { createUrlSecrets } from './url-secrets.ts'

/** An object of which only the metadata came. */
export interface MetadataOnly {
  metadata: ObjectMeta
}

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
  workflow(name: ObjectName): Workflow | undefined
  /** The Secret with the Webhook's URL, when it is labelled as such. */
  urlSecret(webhook: ObjectName): Secret | undefined
  webhooks(): Iterable<Webhook>
  workflows(): Iterable<Workflow>
  /**
   * Takes what the API server answered to a write of ours, before the watch brings it: its echo is then no
   * change.
   */
  take(resource: Resource): void
  takeUrlSecret(webhook: ObjectName, secret: Secret): void
  /** Takes what was read just now, although the watch did not tell of it. */
  foundUrlSecret(webhook: ObjectName, secret: Secret): void
  /** Whether the end of the object with this uid has been seen. */
  hasEnded(uid: string): boolean
  /** Drops the content of Secrets and ConfigMaps that nothing reads any more. */
  retain(isRead: (reference: Reference) => boolean): void
}

export interface ObjectCacheOptions {
  read: ReadReferenced
  /** A Webhook or Workflow was added, changed or removed. */
  onResource(kind: Resource['kind'], name: ObjectName): void
  /** What others may have been compiled from has changed. */
  onTouched(references: Reference[]): void
}

export function createObjectCache({ read, onResource, onTouched }: ObjectCacheOptions): ObjectCache {
  const removed = createRemoved()
  const webhooks = createLatest<Webhook>()
  const workflows = createLatest<Workflow>()
  const triggers = createTriggerIndex()
  const globals = new Map<string, Latest<Referenced>>()
  const contents = createContents(read)
  const urlSecrets = createUrlSecrets({
    removed,
    onChange: (webhook) => onTouched([{ kind: 'GeneratedToken', ...webhook }]),
  })

  function setWebhook(name: ObjectName, after: Webhook | undefined): boolean {
    const change = webhooks.set(keyOf(name), after)
    if (!change) return false
    const { before } = change
    if (!after) removed.note(before?.metadata.uid)
    // Who names a Webhook cares whether it is there, not what is in it.
    if (!before || !after) onTouched(touchedReferences(before, after))
    return true
  }

  function setWorkflow(name: ObjectName, after: Workflow | undefined): boolean {
    const change = workflows.set(keyOf(name), after)
    if (!change) return false
    const { before } = change
    if (!after) removed.note(before?.metadata.uid)
    triggers.replace(before, after)
    // A new status is nothing that a Webhook was compiled from.
    if (standing(before) !== standing(after)) onTouched(touchedReferences(before, after))
    return true
  }

  function setGlobals({ namespace, name }: ObjectName, kind: Referenced['kind'], after?: Referenced): void {
    const ofNamespace = globals.get(namespace) ?? createLatest<Referenced>()
    globals.set(namespace, ofNamespace)
    const change = ofNamespace.set(`${kind}/${name}`, after)
    if (ofNamespace.size === 0) globals.delete(namespace)
    if (!change) return
    onTouched(touchedReferences(change.before, after).filter((reference) => reference.kind === 'Global'))
  }

  const globalsSink = (kind: Referenced['kind']): ObjectSink<Referenced> => ({
    put: (object) => setGlobals(nameOf(object), kind, slim(Object.assign(object, { kind }))),
    remove: (name) => setGlobals(name, kind),
  })

  const metadataSink = (kind: Referenced['kind']): ObjectSink<MetadataOnly> => ({
    put(object) {
      contents.setVersion(kind, nameOf(object), object.metadata.resourceVersion)
      onTouched([{ kind, ...nameOf(object) }])
    },
    remove(name) {
      contents.setVersion(kind, name, undefined)
      onTouched([{ kind, ...name }])
    },
  })

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
      globals: { ConfigMap: globalsSink('ConfigMap'), Secret: globalsSink('Secret') },
      metadata: { ConfigMap: metadataSink('ConfigMap'), Secret: metadataSink('Secret') },
      urlSecrets: {
        put: (secret) => urlSecrets.sink.put(slim(secret)),
        remove: (name) => urlSecrets.sink.remove(name),
      },
    },

    webhook: (name) => webhooks.get(keyOf(name)),
    workflow: (name) => workflows.get(keyOf(name)),
    webhooks: () => webhooks.values(),
    workflows: () => workflows.values(),
    workflowsOf: ({ namespace, name }) => triggers.of(namespace, name),
    globals: (namespace) => [...(globals.get(namespace)?.values() ?? [])],
    configMap: (name) => contents.get('ConfigMap', name) as Promise<ConfigMap | undefined>,
    secret: (name) => contents.get('Secret', name) as Promise<Secret | undefined>,
    urlSecret: (webhook) => urlSecrets.of(webhook),
    generatedToken(webhook) {
      const secret = urlSecrets.of(webhook)
      return secret && tokenIn(secret)
    },

    take(resource) {
      if (removed.has(resource.metadata.uid)) return
      if (resource.kind === 'Webhook') setWebhook(nameOf(resource), slim(resource))
      else setWorkflow(nameOf(resource), slim(resource))
    },
    takeUrlSecret(webhook, secret) {
      if (!removed.has(secret.metadata.uid)) urlSecrets.take(webhook, slim(secret))
    },
    foundUrlSecret(webhook, secret) {
      removed.forget(secret.metadata.uid)
      urlSecrets.take(webhook, slim(secret))
    },
    hasEnded: (uid) => removed.has(uid),
    retain: (isRead) => contents.retain(isRead),
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

/** The key of an object among those of its kind. */
const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`
