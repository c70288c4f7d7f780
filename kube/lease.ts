/**
 * Leader election by a Lease (coordination.k8s.io/v1), as client-go does it: the holder renews; the others
 * take over when they have not seen it renewed for as long as it was promised. Times of others are never
 * compared with the own clock.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ApiServer } from './api-server.ts'
import { pause } from './backoff.ts'
import { isConflict, isNotFound } from './error.ts'
import { LEASES, resourcePath } from './paths.ts'

export interface ElectionOptions {
  api: ApiServer
  namespace: string
  name: string
  /** Unique among all that take part. */
  identity: string
  /**
   * The holder's work: called each time that the lease is won. The signal aborts when it is lost or when the
   * election is stopped; nobody else leads before the lease runs out, so that the work must have ended by
   * then.
   */
  lead(signal: AbortSignal): Promise<void>
  onFault(error: Error): void
  /** Milliseconds; only differences matter. */
  now?: () => number
  times?: Partial<LeaseTimes>
}

export interface LeaseTimes {
  /** For how long a lease holds after it was renewed. */
  durationMs: number
  /** The holder gives up when it could not renew for this long. */
  renewWithinMs: number
  /** Between two tries to renew or to win. */
  retryMs: number
}

/** A standby takes over within the duration and one retry: 12 seconds. */
const TIMES: LeaseTimes = { durationMs: 10_000, renewWithinMs: 7_000, retryMs: 2_000 }

interface Lease {
  metadata: { name: string; namespace: string; resourceVersion?: string }
  spec?: LeaseSpec
}

interface LeaseSpec {
  holderIdentity?: string
  leaseDurationSeconds?: number
  acquireTime?: string
  renewTime?: string
  leaseTransitions?: number
}

export interface Election {
  isLeader(): boolean
  /** Ends the work, gives the lease back, and resolves. */
  stop(): Promise<void>
}

/** Takes part from now on. */
export function takePart(options: ElectionOptions): Election {
  const { api, namespace, name, identity, lead, onFault, now = () => performance.now() } = options
  const times = { ...TIMES, ...options.times }
  const stopping = new AbortController()
  /** The lease as last seen, and when it was first seen so. */
  let seen: { spec: LeaseSpec; version: string | undefined; since: number } | undefined
  let leading = false

  const path = resourcePath(LEASES, { namespace, name })

  async function read(timeoutMs: number): Promise<void> {
    try {
      note(await api.send<Lease>({ method: 'GET', path, timeoutMs }))
    } catch (error) {
      if (!isNotFound(error)) throw error
      seen = undefined
    }
  }

  function note({ metadata, spec = {} }: Lease): void {
    const same = seen && isDeepStrictEqual(seen.spec, spec)
    seen = { spec, version: metadata.resourceVersion, since: same && seen ? seen.since : now() }
  }

  /**
   * Writes the lease if it has not changed since it was read. False: someone else was faster, or deleted it.
   */
  async function write(spec: LeaseSpec, timeoutMs: number): Promise<boolean> {
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, ...(seen?.version ? { resourceVersion: seen.version } : {}) },
      spec,
    }
    const call = seen
      ? ({ method: 'PUT', path } as const)
      : ({ method: 'POST', path: resourcePath(LEASES, { namespace }) } as const)
    try {
      note(await api.send<Lease>({ ...call, body, timeoutMs }))
      return true
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      await read(timeoutMs)
      return false
    }
  }

  const isMine = (): boolean => seen?.spec.holderIdentity === identity

  function isFree(): boolean {
    if (!seen) return true
    const { holderIdentity, leaseDurationSeconds = 0 } = seen.spec
    return !holderIdentity || isMine() || now() - seen.since > leaseDurationSeconds * 1000
  }

  /** Wins the lease or renews it. A request of it takes at most this time. */
  async function tryToHold(timeoutMs: number): Promise<boolean> {
    if (!isMine()) await read(timeoutMs)
    if (!isFree()) return false
    const kept = isMine() ? seen?.spec : undefined
    const transitions = seen?.spec.leaseTransitions ?? 0
    const time = wireTime()
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(times.durationMs / 1000),
      acquireTime: kept?.acquireTime ?? time,
      renewTime: time,
      leaseTransitions: kept || !seen ? transitions : transitions + 1,
    }
    return write(spec, timeoutMs)
  }

  /**
   * Renews until the signal aborts, until that fails for too long, or until somebody else holds the lease.
   */
  async function hold(wonAt: number, signal: AbortSignal): Promise<void> {
    let deadline = wonAt + times.renewWithinMs
    while (!signal.aborted && now() < deadline) {
      await pause(Math.min(times.retryMs, deadline - now()), signal)
      const begun = now()
      if (signal.aborted || begun >= deadline) return
      try {
        if (await tryToHold(deadline - begun)) deadline = begun + times.renewWithinMs
        else if (!isMine()) return
      } catch (error) {
        onFault(error as Error)
      }
    }
  }

  async function leadWhileHolding(wonAt: number): Promise<void> {
    if (stopping.signal.aborted) return release()
    const lost = new AbortController()
    const signal = AbortSignal.any([lost.signal, stopping.signal])
    leading = true
    const work = lead(signal).catch((error: unknown) => onFault(error as Error))
    const holding = hold(wonAt, signal)
    try {
      // Work that ends by itself gives the lease back.
      await Promise.race([holding, work])
    } finally {
      leading = false
      lost.abort()
      // A renewal under way would make the lease's return a conflict.
      await Promise.all([work, holding])
    }
    if (isMine()) await release()
  }

  async function release(): Promise<void> {
    try {
      await write({ ...seen?.spec, holderIdentity: '', leaseDurationSeconds: 1 }, times.renewWithinMs)
    } catch (error) {
      onFault(error as Error)
    }
  }

  async function campaign(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const begun = now()
        if (await tryToHold(times.renewWithinMs)) await leadWhileHolding(begun)
      } catch (error) {
        onFault(error as Error)
      }
      await pause(times.retryMs, stopping.signal)
    }
  }

  const campaigning = campaign()
  return {
    isLeader: () => leading,
    async stop() {
      stopping.abort()
      await campaigning
    },
  }
}

/** With microseconds, as leases write it. */
const wireTime = (): string => new Date().toISOString().replace('Z', '000Z')
