import type { ConnectionOptions } from 'node:tls'
import type { NatMap } from 'ioredis'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'

export interface RedisStateOptions {
  /** See `parseRedisUrl` for its forms. */
  url: string
  /** Certificates and the like, for `rediss`; the roots of the process by default. */
  tls?: ConnectionOptions
  /** Where nodes of a cluster, or of a Sentinel, are reached that announce addresses of another network. */
  natMap?: NatMap
  /** Begins every key and channel. `hooklet` by default. */
  prefix?: string
  /**
   * The name of the installation that the process belongs to; none by default. A process is refused
   * everything where keys with the prefix belong to another one.
   */
  installation?: string
  /**
   * How many partitions there are. A process is refused everything where the keys are divided otherwise. 64 by
   * default.
   */
  partitions?: number
  /** Events of a partition that may be unacknowledged before calls are refused. 10,000 by default. */
  backlog?: number
  /** Bytes of the unacknowledged events of a partition, above which calls are refused. 32 MiB by default. */
  backlogBytes?: number
  /** Runs of a partition that may be parked before calls are refused. 100,000 by default. */
  parked?: number
  /**
   * After so many runners that died over it, without a checkpoint in between, an event is put aside. 5 by
   * default.
   */
  maxAttempts?: number
  /** How many events put aside are kept for each partition; the oldest go first. 1,000 by default. */
  deadLetters?: number
  /** How many bytes of them; the last one is kept in any case. 1 MiB by default. */
  deadLetterBytes?: number
  /** After this silence a process counts as dead, and what it held is free. 15 s by default. */
  lapseMs?: number
  /**
   * After this time a runner that is gone without a word, and left nothing behind, is forgotten. A day by
   * default.
   */
  consumerTtlMs?: number
  /**
   * How often a runner looks for work that nobody told it of, and an ingress for replies it missed. 1 s by
   * default.
   */
  sweepMs?: number
  /** After this time a command counts as failed. 900 ms by default. */
  commandTimeoutMs?: number
  /** How long a run is kept after it was written last, or after it was to go on. 7 days by default. */
  runTtlMs?: number
  /** How long an ended run is remembered after its event was forgotten. 10 min by default. */
  endedTtlMs?: number
  clock?: Clock
  /**
   * Told of lost connections and failed work in the background; nothing by default. Errors never hold
   * payloads or credentials.
   */
  onError?: (error: unknown) => void
}

export type Settings = Required<Omit<RedisStateOptions, 'url' | 'tls' | 'natMap'>>

/**
 * For how many bytes of the backlog an event counts at least, so that no more than `backlog` of them fit in.
 */
export function leastWeight({ backlog, backlogBytes }: Settings): number {
  return Math.floor(backlogBytes / backlog)
}

export function settingsOf({ url: _url, tls: _tls, natMap: _natMap, ...given }: RedisStateOptions): Settings {
  return {
    prefix: 'hooklet',
    installation: '',
    partitions: 64,
    backlog: 10_000,
    backlogBytes: 32 * 1_048_576,
    parked: 100_000,
    maxAttempts: 5,
    deadLetters: 1_000,
    deadLetterBytes: 1_048_576,
    lapseMs: 15_000,
    consumerTtlMs: 86_400_000,
    sweepMs: 1_000,
    commandTimeoutMs: 900,
    runTtlMs: 7 * 86_400_000,
    endedTtlMs: 600_000,
    clock: systemClock,
    onError: () => {},
    ...given,
  }
}
