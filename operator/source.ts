import { GLOBALS_LABEL } from '../crds/contract.ts'
import type { ConfigMap, ObjectMeta, Secret } from '../crds/object.ts'
import type { Webhook, Workflow } from '../crds/types.gen.ts'
import type { ObjectName } from '../kube/follow.ts'

export type { ObjectName }

/**
 * Where compile steps read from. A snapshot of manifests and a cache of watched objects both provide it;
 * every method answers with what is known now. What a ConfigMap or Secret holds may have to be read first.
 */
export interface ObjectSource {
  configMap(name: ObjectName): Promise<ConfigMap | undefined>
  secret(name: ObjectName): Promise<Secret | undefined>
  /** The ConfigMaps and Secrets of the namespace that are labelled as globals. */
  globals(namespace: string): (ConfigMap | Secret)[]
  webhook(name: ObjectName): Webhook | undefined
  /** The Workflows of its namespace with a trigger that names the Webhook. */
  workflowsOf(webhook: ObjectName): Workflow[]
  /** The URL token that was made for the Webhook; undefined when none was made yet. */
  generatedToken(webhook: ObjectName): string | undefined
}

/** What runners know of a Workflow: its plan as it is published. */
export interface PublishedPlan {
  uid: string
  /** Of the plan; that of a Workflow with a fault is that of its last good one. */
  generation: number
  suspended: boolean
}

/** The plan that is published of a Workflow; undefined when there is none. */
export type PlanLookup = (workflow: ObjectName) => PublishedPlan | undefined

/** What an {@link ObjectSource} holds. Every object has a namespace. */
export type SourceObject = Webhook | Workflow | ConfigMap | Secret

export const isGlobals = (object: { metadata: ObjectMeta }): boolean =>
  object.metadata.labels?.[GLOBALS_LABEL] === 'true'

/** The namespace of an object; manifests without one belong to `default`. */
export const namespaceOf = ({ metadata }: { metadata: ObjectMeta }): string => metadata.namespace ?? 'default'

/** Where an object is to be found among those of its kind. */
export const nameOf = (object: { metadata: ObjectMeta }): ObjectName => ({
  namespace: namespaceOf(object),
  name: object.metadata.name,
})

export interface Snapshot extends ObjectSource {
  readonly webhooks: Webhook[]
  readonly workflows: Workflow[]
}

/** A source over a fixed set of objects. `tokenOf` gives the token made for a Webhook. */
export function createSnapshot(
  objects: Iterable<SourceObject>,
  tokenOf: (webhook: ObjectName) => string | undefined,
): Snapshot {
  const byKey = new Map<string, SourceObject>()
  const globals = new Map<string, (ConfigMap | Secret)[]>()
  const triggered = new Map<string, Workflow[]>()
  const webhooks: Webhook[] = []
  const workflows: Workflow[] = []
  for (const object of objects) {
    const name = nameOf(object)
    const { namespace } = name
    byKey.set(keyOf(object.kind, name), object)
    if (object.kind === 'Webhook') webhooks.push(object)
    else if (object.kind === 'Workflow') {
      workflows.push(object)
      for (const { webhook } of object.spec.triggers) append(triggered, `${namespace}/${webhook}`, object)
    } else if (isGlobals(object)) append(globals, namespace, object)
  }
  const get = <Kind extends SourceObject['kind']>(kind: Kind, name: ObjectName) =>
    byKey.get(keyOf(kind, name)) as Extract<SourceObject, { kind: Kind }> | undefined
  return {
    webhooks,
    workflows,
    configMap: (name) => Promise.resolve(get('ConfigMap', name)),
    secret: (name) => Promise.resolve(get('Secret', name)),
    webhook: (name) => get('Webhook', name),
    globals: (namespace) => globals.get(namespace) ?? [],
    workflowsOf: ({ namespace, name }) => triggered.get(`${namespace}/${name}`) ?? [],
    generatedToken: tokenOf,
  }
}

const keyOf = (kind: string, { namespace, name }: ObjectName): string => `${kind}/${namespace}/${name}`

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
