/** For whom something is fetched. */
export interface Asker {
  /**
   * The origins of providers, which their protocols fix, or those that webhooks name: the ones must not take
   * the places of the others.
   */
  pool: 'provider' | 'webhook'
  /** The namespace of the webhook. */
  tenant: string
}

export interface SlotLimits {
  /** Requests at a time of each pool. */
  maxConcurrent: number
  /** Of these to one origin, so that a slow one holds up no others. */
  maxPerOrigin: number
  /** Of one tenant, whose callers can have much asked for. */
  maxPerTenant: number
  /** Of one tenant to one origin, so that it leaves room there for other tenants. */
  maxPerTenantOfOrigin: number
}

export interface Slots {
  /** Gives the way to free what was taken; undefined: there is no room. */
  take(origin: string, asker: Asker): (() => void) | undefined
}

/**
 * Bounds the requests that run at a time. What is over a bound is refused and does not wait, so that nobody's
 * flood is passed on.
 */
export function createSlots(limits: SlotLimits): Slots {
  const taken = new Map<string, number>()

  function count(name: string, change: 1 | -1): void {
    const left = (taken.get(name) ?? 0) + change
    if (left > 0) taken.set(name, left)
    else taken.delete(name)
  }

  return {
    take(origin, { pool, tenant }) {
      const bounds: [name: string, limit: number][] = [
        [pool, limits.maxConcurrent],
        [`${pool} ${origin}`, limits.maxPerOrigin],
        [`${pool} of ${tenant}`, limits.maxPerTenant],
        [`${pool} ${origin} of ${tenant}`, limits.maxPerTenantOfOrigin],
      ]
      if (bounds.some(([name, limit]) => (taken.get(name) ?? 0) >= limit)) return undefined
      for (const [name] of bounds) count(name, 1)
      return () => {
        for (const [name] of bounds) count(name, -1)
      }
    },
  }
}
