/**
 * Who holds how many of a runner's hands. One Webhook, or one namespace, whose runs take long must not hold all
 * of them: it may take another one only while it holds less than a multiple of those that are free (a dynamic
 * threshold, as in the shared buffers of switches). Alone it holds most of them, of several each holds as many,
 * and some are always free for who comes next.
 */
import type { Rooms, WebhookRef } from '../state/rooms.ts'
import { flowOf } from '../state/rooms.ts'

export interface Hands {
  /** How many hold something. */
  readonly busy: number
  readonly free: number
  /** How many the namespace has that has most. */
  readonly mostOfOne: number
  take(webhook: WebhookRef | undefined): void
  giveBack(webhook: WebhookRef | undefined): void
  /** What may be taken by who takes at most `count`; undefined when nothing but that bounds it. */
  rooms(count: number): Rooms | undefined
}

/**
 * How many times the free hands each may hold. Of 320 hands a Webhook alone has 256, a namespace with several
 * of them 285.
 */
const FACTORS = { webhook: 4, namespace: 8 }

export function createHands(total: number): Hands {
  const held = { webhook: new Map<string, number>(), namespace: new Map<string, number>() }
  let free = total

  function change(webhook: WebhookRef | undefined, by: 1 | -1): void {
    free -= by
    if (webhook === undefined) return
    add(held.webhook, flowOf(webhook), by)
    add(held.namespace, webhook.namespace, by)
  }

  /** How many more may be taken by who holds so many: each one while what is held is less than that multiple. */
  function roomOf(kind: keyof typeof FACTORS, holds: number): number {
    const factor = FACTORS[kind]
    return Math.max(0, Math.ceil((factor * free - holds) / (factor + 1)))
  }

  return {
    get busy() {
      return total - free
    },
    get free() {
      return free
    },
    get mostOfOne() {
      return Math.max(0, ...held.namespace.values())
    },
    take: (webhook) => change(webhook, 1),
    giveBack: (webhook) => change(webhook, -1),
    rooms(count) {
      // If one had all that is held it would not matter.
      if (roomOf('webhook', total - free) >= count) return undefined
      const named = new Map<string, number>()
      for (const kind of ['namespace', 'webhook'] as const)
        for (const [name, holds] of held[kind]) named.set(name, roomOf(kind, holds))
      return { namespace: roomOf('namespace', 0), webhook: roomOf('webhook', 0), named }
    },
  }
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
