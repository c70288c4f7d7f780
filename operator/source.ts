import { GLOBALS_LABEL } from '../crds/contract.ts'
import type { ConfigMap, ObjectMeta, Secret } from '../crds/object.ts'
import type { Webhook, Workflow } from '../crds/types.gen.ts'

/**
 * Where compile steps read from. A snapshot of manifests and a cache of watched objects both provide it;
 * every method answers with what is known now.
 */
export interface ObjectSource {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
  /** The ConfigMaps and Secrets of the namespace that are labelled as globals. */
  globals(namespace: string): Promise<(ConfigMap | Secret)[]>
  webhook(namespace: string, name: string): Promise<Webhook | undefined>
  /** The Workflows of the namespace with a trigger that names the Webhook. */
  workflowsOf(namespace: string, webhook: string): Promise<Workflow[]>
  /** The URL token that was made for the Webhook; undefined when none was made yet. */
  generatedToken(namespace: string, webhook: string): Promise<string | undefined>
}

/** What runners know of a Workflow: its plan as it is published. */
export interface PublishedPlan {
  uid: string
  /** Of the plan; that of a Workflow with a fault is that of its last good one. */
  generation: number
  suspended: boolean
}

/** The plan that is published of a Workflow; undefined when there is none. */
export type PlanLookup = (namespace: string, workflow: string) => PublishedPlan | undefined

/** What an {@link ObjectSource} holds. Every object has a namespace. */
export type SourceObject = Webhook | Workflow | ConfigMap | Secret

export const isGlobals = (object: { metadata: ObjectMeta }): boolean =>
  object.metadata.labels?.[GLOBALS_LABEL] === 'true'

/** The namespace of an object; manifests without one belong to `default`. */
export const namespaceOf = ({ metadata }: { metadata: ObjectMeta }): string => metadata.namespace ?? 'default'

export interface Snapshot extends ObjectSource {
  readonly webhooks: Webhook[]
  readonly workflows: Workflow[]
}

/** A source over a fixed set of objects. `tokenOf` gives the token made for a Webhook. */
export function createSnapshot(
  objects: Iterable<SourceObject>,
  tokenOf: (namespace: string, webhook: string) => string | undefined,
): Snapshot {
  const byKey = new Map<string, SourceObject>()
  const globals = new Map<string, (ConfigMap | Secret)[]>()
  const triggered = new Map<string, Workflow[]>()
  const webhooks: Webhook[] = []
  const workflows: Workflow[] = []
  for (const object of objects) {
    const namespace = namespaceOf(object)
    byKey.set(keyOf(object.kind, namespace, object.metadata.name), object)
    if (object.kind === 'Webhook') webhooks.push(object)
    else if (object.kind === 'Workflow') {
      workflows.push(object)
      for (const { webhook } of object.spec.triggers) append(triggered, `${namespace}/${webhook}`, object)
    } else if (isGlobals(object)) append(globals, namespace, object)
  }
  const get = <Kind extends SourceObject['kind']>(kind: Kind, namespace: string, name: string) =>
    Promise.resolve(
      byKey.get(keyOf(kind, namespace, name)) as Extract<SourceObject, { kind: Kind }> | undefined,
    )
  return {
    webhooks,
    workflows,
    configMap: (namespace, name) => get('ConfigMap', namespace, name),
    secret: (namespace, name) => get('Secret', namespace, name),
    webhook: (namespace, name) => get('Webhook', namespace, name),
    globals: (namespace) => Promise.resolve(globals.get(namespace) ?? []),
    workflowsOf: (namespace, webhook) => Promise.resolve(triggered.get(`${namespace}/${webhook}`) ?? []),
    generatedToken: (namespace, webhook) => Promise.resolve(tokenOf(namespace, webhook)),
  }
}

const keyOf = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
