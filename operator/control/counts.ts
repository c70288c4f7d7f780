import { Histogram } from 'prom-client'
import { CALL_SECONDS } from '../../process/counts.ts'
import type { ObjectCache, Resource } from './cache.ts'

export interface ReconcileCount {
  kind: Resource['kind']
  result: 'done' | 'failed'
  count: number
}

/** How often work on a kind was done, or failed and is tried again. */
export interface ReconcileCounter {
  /** Counts the work by how it ends. */
  count(kind: Resource['kind'], work: Promise<void>): Promise<void>
  read(): ReconcileCount[]
  /** How long the work on a kind took, in seconds. */
  readonly durations: Histogram<'kind'>
}

const KINDS = ['Webhook', 'Workflow'] as const

/** `now` in milliseconds. */
export function createReconcileCounter(now: () => number): ReconcileCounter {
  const durations = new Histogram({
    name: 'hooklet_operator_reconcile_duration_seconds',
    help: 'How long it took to bring a resource in line, or to fail at it; of a leader.',
    labelNames: ['kind'],
    buckets: [...CALL_SECONDS],
    registers: [],
  })
  for (const kind of KINDS) durations.zero({ kind })
  const counts = KINDS.flatMap((kind) =>
    (['done', 'failed'] as const).map((result) => ({ kind, result, count: 0 })),
  )
  const increase = (kind: Resource['kind'], result: ReconcileCount['result']): void => {
    const entry = counts.find((candidate) => candidate.kind === kind && candidate.result === result)
    if (entry) entry.count += 1
  }
  return {
    durations,
    async count(kind, work) {
      const begun = now()
      try {
        await work
        increase(kind, 'done')
      } catch (error) {
        increase(kind, 'failed')
        throw error
      } finally {
        durations.observe({ kind }, (now() - begun) / 1000)
      }
    },
    read: () => counts,
  }
}

export interface ResourceCount {
  kind: Resource['kind']
  /** Of the condition Ready; Unknown where there is no status yet. */
  ready: 'True' | 'False' | 'Unknown'
  count: number
}

export function countResources(cache: ObjectCache): ResourceCount[] {
  return [...countByReady('Webhook', cache.webhooks()), ...countByReady('Workflow', cache.workflows())]
}

function countByReady(kind: Resource['kind'], resources: Iterable<Resource>): ResourceCount[] {
  const counts = { True: 0, False: 0, Unknown: 0 }
  for (const { status } of resources) {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    counts[ready?.status ?? 'Unknown'] += 1
  }
  return (['True', 'False', 'Unknown'] as const).map((ready) => ({ kind, ready, count: counts[ready] }))
}
