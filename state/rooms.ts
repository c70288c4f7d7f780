/** Shares of a runner: how much it has room for of a Webhook and of a namespace, see `RunnerState.read`. */
import type { CallEvent } from './event.ts'

/** The Webhook by which something came. */
export type WebhookRef = CallEvent['webhook']

export interface Rooms {
  /** For a namespace that is not named below. */
  namespace: number
  /** For a Webhook that is not. */
  webhook: number
  /** By the names of namespaces, and by what {@link flowOf} names Webhooks. */
  named: ReadonlyMap<string, number>
}

/** Names a Webhook among all; no namespace has such a name. */
export function flowOf({ namespace, name }: WebhookRef): string {
  return `${namespace}/${name}`
}

/** The Webhook of that name; undefined when it is none. */
export function webhookOf(flow: string): WebhookRef | undefined {
  const slash = flow.indexOf('/')
  return slash < 0 ? undefined : { namespace: flow.slice(0, slash), name: flow.slice(slash + 1) }
}

function namespaceOf(flow: string): string {
  return flow.slice(0, flow.indexOf('/'))
}

/** For how much of a Webhook there is room. */
export function roomFor(flow: string, { namespace, webhook, named }: Rooms): number {
  return Math.min(named.get(namespaceOf(flow)) ?? namespace, named.get(flow) ?? webhook)
}

/** Rooms that are being taken; without any there is no bound. What came by no known Webhook is not bound. */
export interface Places {
  isFree(flow: string | undefined): boolean
  take(flow: string | undefined): void
}

export function createPlaces(rooms?: Rooms): Places {
  if (rooms === undefined) return { isFree: () => true, take: () => {} }
  const named = new Map(rooms.named)
  const left = { ...rooms, named }
  return {
    isFree: (flow) => flow === undefined || roomFor(flow, left) > 0,
    take(flow) {
      if (flow === undefined) return
      const namespace = namespaceOf(flow)
      named.set(namespace, (named.get(namespace) ?? rooms.namespace) - 1)
      named.set(flow, (named.get(flow) ?? rooms.webhook) - 1)
    },
  }
}
