import { isSocketId, partitionOfReply } from '../reply-id.ts'
import type { Admission, IngressState, Lease, ReplyMessage, Verdict } from '../state.ts'
import { ShortLivedMap } from '../short-lived-map.ts'
import type { Admitting } from './admission.ts'
import { admissionOf, admissionsOf, byPartition, sizeOf } from './admission.ts'
import { createAnswers } from './answers.ts'
import { createCollector } from './collect.ts'
import type { Connection } from './connection.ts'
import { every } from './every.ts'
import { createGroups } from './groups.ts'
import type { Keys } from './keys.ts'
import { longId } from './keys.ts'
import type { Settings } from './options.ts'
import type { Scripts } from './script.ts'
import { createSockets } from './sockets.ts'
import { createStatistics } from './statistics.ts'
import { verdictOf } from './verdict.ts'

export interface IngressDeps {
  pod: string
  /** Whether Redis is a Cluster. */
  cluster: boolean
  keys: Keys
  scripts: Scripts
  settings: Settings
  connect: (channel: string, onMessage: (message: string) => void) => Connection
}

/**
 * A place of a lease, see `Lease`. A renewal takes what it names, so it must not name a place that may yet be
 * refused.
 */
interface Place {
  key: string
  id: string
  taken: boolean
}

const ACCEPTED: Verdict = { kind: 'accepted' }

/** How many keys go into one script, so that none holds Redis up. */
const batch = 200
/**
 * How many calls, and how much of them, go into one script. So many leave at once: were it all that a turn of
 * the event loop brings, Redis and this process would wait for each other by turns.
 */
const calls = { items: 16, size: 1_000_000, sizeOf, compare: byPartition }

/** The state as one ingress process sees it, see `IngressState`. */
export function createIngressState({
  pod,
  cluster,
  keys,
  scripts,
  settings,
  connect,
}: IngressDeps): IngressState {
  const { clock, onError, lapseMs } = settings
  const channel = keys.repliesOf(pod)
  /** The places held here, by partition and holder, and those that are being taken. */
  const places = createGroups<Place>()
  /** The replies that callers here wait for, and until when at most. */
  const open = new ShortLivedMap<{ partition: number; until: number }>()
  /** Where replies were opened since it was last looked for missed answers. */
  let used = new Set<number>()
  let listener: ((replyId: string, message: ReplyMessage) => void) | undefined
  let closed = false

  const connection = connect(channel, (publication) => answers.heard(publication))
  const answers = createAnswers({ channel, keys, scripts, connection, deliver })

  const { atEnd: defer, end: leave } = connection.turn
  const self = { keys, settings, channel }
  const sockets = createSockets({ channel, keys, scripts, settings, connection })

  /** What may be in one script: on a Cluster one slot, which is that of a partition. */
  const groupOf = (partition: number): number => (cluster ? partition : 0)

  const ask = createCollector(
    async (_, some: Admitting[]) => {
      const { names, args } = admissionsOf(some, self)
      return (await connection.run(scripts.admit, names, args)) as unknown[]
    },
    { defer, onFull: leave, ...calls },
  )

  function deliver(replyId: string, json: string): void {
    if (isSocketId(replyId)) {
      sockets.deliver(replyId, json)
      return
    }
    if (open.get(replyId) === undefined) return
    open.delete(replyId)
    listener?.(replyId, JSON.parse(json) as ReplyMessage)
  }

  async function admit(admission: Admission): Promise<Verdict> {
    const { partition, lease, event, once, replyTtlMs = 0 } = admission
    const replyId = event?.reply?.id
    // A call that says the same again gets the answer, however late it comes.
    const ttlMs = Math.max(replyTtlMs, once?.ttlMs ?? 0)
    const reply = replyId === undefined ? undefined : { id: replyId, ttlMs }
    const asked = admissionOf({ ...admission, reply }, self)
    if (replyId !== undefined) {
      open.set(replyId, { partition, until: clock.monotonic() + replyTtlMs })
      used.add(partition)
    }
    // Known from now on, so that one whose taking is in doubt is given back when the pod closes.
    const place = lease && { key: lease.key, id: lease.id, taken: false }
    if (place !== undefined) places.add(partition, place.id, place)
    try {
      const code = await ask(groupOf(partition), asked)
      if (code === 0) {
        if (place !== undefined) place.taken = true
        return ACCEPTED
      }
      const verdict = verdictOf(code)
      if (verdict.kind === 'gone') throw new Error('a call belongs to no connection')
      forget(admission)
      return verdict
    } catch (error) {
      forget(admission)
      throw error
    }
  }

  function forget({ partition, lease, event }: Admission): void {
    if (lease !== undefined) places.delete(partition, lease.id)
    if (event?.reply !== undefined) open.delete(event.reply.id)
  }

  async function renewLeases(): Promise<void> {
    await places.each(
      batch,
      async (partition, held) => {
        const names = held.map(({ key }) => keys.lease(partition, key))
        await connection.run(scripts['renew-leases'], names, [lapseMs, ...held.map(({ id }) => longId(id))])
      },
      isTaken,
    )
  }

  async function releaseLeases(): Promise<void> {
    await places.each(batch, release)
  }

  /** What was published while nobody listened, wherever a caller waits or has waited. */
  async function fetchMissed(): Promise<void> {
    const now = clock.monotonic()
    const partitions = used
    used = new Set()
    for (const [replyId, { partition, until }] of open.entries())
      if (until <= now) open.delete(replyId)
      else used.add(partition)
    await answers.fetch(partitions)
  }

  async function release(partition: number, given: Pick<Lease, 'key' | 'id'>[]): Promise<void> {
    const ids = new Map<string, string[]>()
    for (const { key, id } of given) {
      const others = ids.get(key)
      if (others === undefined) ids.set(key, [longId(id)])
      else others.push(longId(id))
    }
    const names = [...ids.keys()].map((key) => keys.lease(partition, key))
    const args = [...ids.values()].flatMap((some) => [some.length, ...some])
    await connection.run(scripts['release-leases'], names, args)
  }

  const releaseSoon = createCollector(
    async (partition, given: Pick<Lease, 'key' | 'id'>[]) => {
      await release(partition, given).catch(onError)
      return []
    },
    { defer, items: batch },
  )

  const closeReply = createCollector(
    async (partition, replyIds: string[]) => {
      const names = replyIds.flatMap((id) => [keys.replies(partition, id), keys.reply(partition, id)])
      await connection.run(scripts['close-replies'], names, replyIds.map(longId)).catch(onError)
      return []
    },
    { defer, items: batch },
  )

  const stops = [
    every(lapseMs / 3, clock, renewLeases, onError),
    every(settings.sweepMs, clock, fetchMissed, onError),
    every(250, clock, answers.forget, onError),
  ]

  return {
    admit,
    release(partition, lease) {
      places.delete(partition, lease.id)
      return releaseSoon(partition, lease)
    },
    async closeReply(partition, replyId) {
      open.delete(replyId)
      if (partitionOfReply(replyId) === undefined) return
      await closeReply(partition, replyId)
    },
    onReply: (callback) => void (listener = callback),
    connect: sockets.connect,
    receive: sockets.receive,
    disconnect: sockets.disconnect,
    onSocket: sockets.onSocket,
    statistics: createStatistics({ keys, scripts, settings, connection }),
    ready: () => connection.ready(),
    async close() {
      if (closed) return
      closed = true
      for (const stop of stops) stop()
      sockets.stop()
      // What is being taken is given back with the rest.
      connection.turn.end()
      await Promise.all([releaseLeases().catch(onError), answers.forget().catch(onError)])
      connection.close()
    },
  }
}

function isTaken({ taken }: Place): boolean {
  return taken
}
