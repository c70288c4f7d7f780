/**
 * The control plane on an API server: follows what users write, and keeps the artefacts, the Secrets with
 * URLs and every status in line with it. Of several operators one leads and writes; the others follow along,
 * so that they can take over at once.
 */
import type { Webhook } from '../crds/types.gen.ts'
import type { ApiServer } from '../kube/api-server.ts'
import { isNotFound } from '../kube/error.ts'
import { takePart, type Election, type LeaseTimes } from '../kube/lease.ts'
import { CONFIG_MAPS, resourcePath, SECRETS, type ResourceType } from '../kube/paths.ts'
import type { Log } from '../process/log.ts'
import type { Expressions } from '../runner/expression/expression.ts'
import { createBindings } from './control/bindings.ts'
import { createObjectCache } from './control/cache.ts'
import type { Control } from './control/control.ts'
import {
  countResources,
  createReconcileCounter,
  type ReconcileCount,
  type ReconcileCounter,
  type ResourceCount,
} from './control/counts.ts'
import { createDependencies } from './control/dependencies.ts'
import { createEventRecorder } from './control/events.ts'
import { followCluster } from './control/follow.ts'
import { createFormerPlans } from './control/former-plans.ts'
import { createLeadership } from './control/leadership.ts'
import { createPublisher } from './control/publisher.ts'
import { boundBy, keyOf, nameIn, sourceKeyOf } from './control/resources.ts'
import type { Reference } from './references.ts'
import type { ObjectName } from './source.ts'
import { createTokenClaims } from './tokens/token.ts'
import { reconcileWebhook } from './webhook/reconcile.ts'
import { reconcileWorkflow } from './workflow/reconcile.ts'

export interface OperatorDeps {
  /** Stays its owner's: the operator does not close it. */
  api: ApiServer
  /** Stays its owner's, too. */
  expressions: Expressions
  log: Log
  /** The operator's own: where artefacts and the lease are. */
  namespace: string
  /** Whose resources it takes care of; empty: of all namespaces. */
  watchNamespaces: readonly string[]
  /** Whether globals of the operator's namespace apply to all namespaces. */
  sharedGlobals: boolean
  /** What callers see in front of `/webhooks/`. */
  publicUrl: string
  /** Unique among the operators of the cluster. */
  identity: string
  /** How many resources are compiled and written at the same time. Default 32. */
  parallelism?: number
  newToken(): string
  /** A few letters and digits for names of Events. */
  newSuffix(): string
  now?: () => number
  random?: () => number
  leaseTimes?: Partial<LeaseTimes>
}

export interface Operator {
  /** Whether everything was read once. */
  isReady(): boolean
  isLeader(): boolean
  /** How many resources wait to be compiled. */
  readonly queued: number
  /** How many wait for another attempt, after one that failed. */
  readonly retrying: number
  reconciles(): ReconcileCount[]
  /** How long they took. */
  readonly durations: ReconcileCounter['durations']
  resources(): ResourceCount[]
  /** Gives the lease back and stops following. */
  stop(): Promise<void>
}

export const LEASE_NAME = 'hooklet-operator'

/** More dependents of one change than this wait behind what users do meanwhile. */
const MANY = 100

export function startOperator(deps: OperatorDeps): Operator {
  const { api, expressions, log, namespace, identity, sharedGlobals, publicUrl, newToken, newSuffix } = deps
  const { now = Date.now, random = Math.random, parallelism = 32 } = deps

  const counter = createReconcileCounter(() => performance.now())
  const dependencies = createDependencies()
  const onTouched = (references: Reference[]): void => {
    const dependents = dependencies.changed(references)
    const urgency = dependents.length > MANY ? 'later' : 'soon'
    for (const dependent of dependents) leadership.enqueue(dependent, urgency)
  }
  const cache = createObjectCache({
    read: (kind, name) => readObject(kind === 'Secret' ? SECRETS : CONFIG_MAPS, name, api),
    onResource: (kind, name) => leadership.enqueue(keyOf(kind, name)),
    onTouched,
  })
  const publisher = createPublisher({
    namespace,
    onForeignChange: (artefact) => leadership.enqueue(sourceKeyOf(artefact)),
    onPlan: (workflow) => onTouched([{ kind: 'Plan', ...workflow }]),
  })
  const formerPlans = createFormerPlans({ namespace, now })
  const events = createEventRecorder({
    instance: identity,
    now,
    newSuffix,
    onFault: (error) => log.warn({ err: error }, 'An Event could not be written'),
  })
  const known = { cache, publisher, formerPlans, dependencies }

  const followings = followCluster({ ...deps, ...known, random })
  let ready = false
  const synced = Promise.all(followings.map((following) => following.synced)).then(() => {
    ready = true
    return log.info({}, 'Everything was read')
  })
  // Closing before is no fault.
  synced.catch(() => undefined)

  /**
   * Who waited with everything read for the lease may have a watch whose connection died without a word, and
   * would not know of the newest resources: what another leader made of them must not be taken for left over.
   */
  async function seeAll(): Promise<void> {
    if (!ready) return synced
    await Promise.all(followings.map((following) => following.refresh()))
  }

  const leadership = createLeadership({
    ...known,
    log,
    identity,
    parallelism,
    random,
    now,
    seeAll,
    createControl: (signal) => ({
      ...known,
      api: boundBy(api, signal),
      claims: createTokenClaims<Webhook>(),
      bindings: createBindings(),
      events,
      expressions,
      publicUrl,
      ...(sharedGlobals ? { sharedNamespace: namespace } : {}),
      newToken,
      now,
      enqueue: (key, urgency) => leadership.enqueue(key, urgency),
    }),
    reconcile: (key, control) => counter.count(nameIn(key).kind, reconcile(key, control)),
  })
  const election: Election = takePart({
    api,
    namespace,
    name: LEASE_NAME,
    identity,
    lead: leadership.lead,
    onFault: (error) => log.warn({ err: error }, 'The election has a fault'),
    ...(deps.leaseTimes ? { times: deps.leaseTimes } : {}),
  })

  return {
    isReady: () => ready,
    isLeader: () => election.isLeader(),
    get queued() {
      return leadership.queued
    },
    get retrying() {
      return leadership.retrying
    },
    reconciles: () => counter.read(),
    durations: counter.durations,
    resources: () => countResources(cache),
    async stop() {
      await election.stop()
      await Promise.all(followings.map((following) => following.close()))
    },
  }
}

function reconcile(key: string, control: Control): Promise<void> {
  const { kind, ...name } = nameIn(key)
  return kind === 'Webhook' ? reconcileWebhook(name, control) : reconcileWorkflow(name, control)
}

async function readObject<Found>(
  type: ResourceType,
  name: ObjectName,
  api: ApiServer,
): Promise<Found | undefined> {
  try {
    return await api.send<Found>({ method: 'GET', path: resourcePath(type, { ...name }) })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
