/**
 * What the operator does while it leads: everything anew each time that the lease is won, for another leader
 * may have written anything meanwhile.
 */
import type { Webhook } from '../../crds/types.gen.ts'
import { aborted } from '../../process/lifetime.ts'
import type { Log } from '../../process/log.ts'
import { nameOf, namespaceOf } from '../source.ts'
import { claimTokens } from './claims.ts'
import type { Control } from './control.ts'
import { createWorkQueue, type Urgency, type WorkQueue } from './queue.ts'
import { keyOf, sourceKeyOf } from './resources.ts'

export interface LeadershipDeps extends Pick<
  Control,
  'cache' | 'publisher' | 'formerPlans' | 'dependencies' | 'now'
> {
  log: Log
  /** Of the process, among those of the operator. */
  identity: string
  /** How many resources are compiled and written at the same time. */
  parallelism: number
  random: () => number
  /** Resolves when all is known that was there when it was called. */
  seeAll(): Promise<void>
  /** Its requests end with the signal. */
  createControl(signal: AbortSignal): Control
  reconcile(key: string, control: Control): Promise<void>
}

export interface Leadership {
  /** Leads until the signal aborts. */
  lead(signal: AbortSignal): Promise<void>
  /** Asks for work on a resource, by its key; without effect while nobody leads. */
  enqueue(key: string, urgency?: Urgency): void
  /** How many resources wait, and how many of them after a failure. */
  readonly queued: number
  readonly retrying: number
}

/** How often what is left over is looked for. */
const SWEEP_MS = 10 * 60_000
/** More failures in a row than this are told to whoever reads the log. */
const QUIET_FAILURES = 3

export function createLeadership(deps: LeadershipDeps): Leadership {
  const { cache, publisher, formerPlans, dependencies, log, identity, now } = deps
  /** There while this operator leads. */
  let queue: WorkQueue | undefined

  const enqueue = (key: string, urgency: Urgency = 'soon'): void => queue?.add(key, urgency)

  async function lead(signal: AbortSignal): Promise<void> {
    await Promise.race([deps.seeAll(), aborted(signal)])
    if (signal.aborted) return
    log.info({ identity }, 'This operator leads')
    const control = deps.createControl(signal)
    // Nothing is compiled before it is known who has which token; what changes meanwhile is queued. An API
    // server that does not answer keeps nobody who leads no longer.
    const claimed = Promise.race([claim(control, signal), aborted(signal)])
    queue = createQueue(claimed, control, signal)
    const sweeping = setInterval(sweep, SWEEP_MS)
    try {
      await claimed
      if (signal.aborted) return
      enqueueAll()
      sweep()
      void announce(queue.idle(), signal)
      await aborted(signal)
    } finally {
      log.info({ identity }, 'This operator leads no longer')
      clearInterval(sweeping)
      await queue.stop()
      queue = undefined
    }
  }

  function claim({ claims }: Control, signal: AbortSignal): Promise<void> {
    return claimTokens({
      cache,
      claims,
      signal,
      publishedToken: (webhook) => publisher.publishedToken(nameOf(webhook), webhook.metadata.uid ?? ''),
      onFault: (webhook: Webhook, error) =>
        log.warn(
          { namespace: namespaceOf(webhook), webhook: webhook.metadata.name, err: error },
          'The token of a Webhook can not be read',
        ),
    })
  }

  function createQueue(begin: Promise<void>, control: Control, signal: AbortSignal): WorkQueue {
    return createWorkQueue({
      async work(key) {
        await begin
        if (!signal.aborted) await deps.reconcile(key, control)
      },
      parallelism: deps.parallelism,
      random: deps.random,
      onFailure(key, { error, failures, retryMs }) {
        if (signal.aborted) return
        const level = failures > QUIET_FAILURES ? 'warn' : 'debug'
        log[level]({ key, failures, retryMs: Math.round(retryMs), err: error }, 'Tried in vain; trying again')
      },
    })
  }

  function enqueueAll(): void {
    for (const webhook of cache.webhooks()) enqueue(keyOf('Webhook', nameOf(webhook)), 'later')
    for (const workflow of cache.workflows()) enqueue(keyOf('Workflow', nameOf(workflow)), 'later')
  }

  async function announce(inPlace: Promise<void>, signal: AbortSignal): Promise<void> {
    const begun = now()
    await inPlace
    if (!signal.aborted) log.info({ ms: now() - begun }, 'Everything is in place')
  }

  /**
   * Artefacts whose resource is gone go, too, as do former plans that no run needs, and contents that nothing
   * reads.
   */
  function sweep(): void {
    for (const artefact of publisher.published()) {
      const { kind, source } = artefact
      const present = kind === 'route' ? cache.webhook(source) : cache.workflow(source)
      if (!present) enqueue(sourceKeyOf(artefact))
    }
    const outdated = formerPlans.outdated((workflow) => cache.workflow(workflow)?.metadata.uid)
    for (const workflow of outdated) enqueue(keyOf('Workflow', workflow), 'later')
    cache.retain(dependencies.isRead)
  }

  return {
    lead,
    enqueue,
    get queued() {
      return queue?.size ?? 0
    },
    get retrying() {
      return queue?.retrying ?? 0
    },
  }
}
