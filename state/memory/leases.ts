import type { Lease } from '../state.ts'

export interface Leases {
  /** False when all places are taken by others. Idempotent for a holder that has its place. */
  take(lease: Lease, pod: string): boolean
  release(lease: Pick<Lease, 'key' | 'id'>): void
  /** Gives back all places of a pod. */
  releaseAll(pod: string): void
}

export function createLeases(): Leases {
  const pools = new Map<string, Map<string, string>>()

  function release({ key, id }: Pick<Lease, 'key' | 'id'>): void {
    const pool = pools.get(key)
    if (pool?.delete(id) === true && pool.size === 0) pools.delete(key)
  }

  return {
    take({ key, id, limit }, pod) {
      const pool = pools.get(key) ?? new Map<string, string>()
      if (!pool.has(id) && pool.size >= limit) return false
      pool.set(id, pod)
      pools.set(key, pool)
      return true
    },
    release,
    releaseAll(pod) {
      for (const [key, pool] of pools)
        for (const [id, holder] of pool) if (holder === pod) release({ key, id })
    },
  }
}
