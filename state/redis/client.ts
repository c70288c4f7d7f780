import type { ConnectionOptions } from 'node:tls'
import type { NatMap } from 'ioredis'
import { Cluster, Redis } from 'ioredis'
import type { RedisTarget } from './url.ts'

export interface ClientOptions {
  target: RedisTarget
  tls?: ConnectionOptions
  /** Where nodes are reached that announce addresses of another network. */
  natMap?: NatMap
  /** After this time a command counts as failed. */
  commandTimeoutMs: number
}

const backoffMs = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2)

/** After so long without the answer that is awaited, a connection is taken for dead. */
export function silenceMs({ commandTimeoutMs }: Pick<ClientOptions, 'commandTimeoutMs'>): number {
  return 5 * commandTimeoutMs
}

/** A client that connects by itself, again and again. With `queue` it keeps commands until it has. */
export function createClient(options: ClientOptions, queue: boolean): Redis | Cluster {
  const { target, commandTimeoutMs, natMap } = options
  const { username, password, addresses, db } = target
  const tls = target.tls || options.tls !== undefined ? (options.tls ?? {}) : undefined
  const shared = {
    connectTimeout: commandTimeoutMs,
    // One right less for the user of Redis.
    disableClientInfo: true,
    // What was in flight when the connection broke is not sent again: it may have been done.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: queue ? null : 0,
    // After a failover the old master answers READONLY until the connection is made anew.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    autoResubscribe: false,
    // A connection that has gone silent while an answer is awaited is made anew.
    socketTimeout: silenceMs(options),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  }
  if (target.kind === 'cluster') {
    const clusterOptions = {
      redisOptions: shared,
      enableOfflineQueue: queue,
      clusterRetryStrategy: backoffMs,
      clusterNodeRetryStrategy: backoffMs,
      // A command that was refused is not kept: its caller has been told, and it would be done all the same.
      // One that the Cluster sends to another master was not done.
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      maxRedirections: 3,
      slotsRefreshTimeout: commandTimeoutMs,
      ...(natMap === undefined ? {} : { natMap }),
    }
    const cluster = new Cluster(addresses, clusterOptions)
    if (natMap !== undefined) findByAnnouncedAddress(cluster, natMap)
    return cluster
  }
  const single = { ...shared, db, enableOfflineQueue: queue, retryStrategy: backoffMs }
  if (target.kind === 'standalone') return new Redis({ ...single, ...addresses[0] })
  const { master, sentinelUsername, sentinelPassword } = target
  return new Redis({
    ...single,
    sentinels: addresses,
    sentinelRetryStrategy: backoffMs,
    ...(master === undefined ? {} : { name: master }),
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    ...(natMap === undefined ? {} : { natMap }),
  })
}

/**
 * After a MOVED, ioredis notes the announced address of a slot where it looks for mapped ones, does not find
 * the connection, and asks random nodes until it gives up. This lets it find the connection by either
 * address.
 */
function findByAnnouncedAddress(cluster: Cluster, natMap: NatMap): void {
  const { connectionPool: pool } = cluster as unknown as {
    connectionPool: { getInstanceByKey(key: string): Redis | undefined }
  }
  const find = pool.getInstanceByKey.bind(pool)
  pool.getInstanceByKey = (key) => {
    const mapped = typeof natMap === 'function' ? natMap(key) : natMap[key]
    return find(key) ?? (mapped ? find(`${mapped.host}:${mapped.port}`) : undefined)
  }
}

/**
 * Resolves when calls can be made. Of a Cluster, no call waits for a master: each is connected by then, or
 * away.
 */
export async function opened(client: Redis | Cluster): Promise<void> {
  await new Promise((resolve) => client.once('ready', resolve))
  if (client instanceof Redis) return
  const connecting = client.nodes('master').filter(({ status }) => status.startsWith('connect'))
  await Promise.all(connecting.map(connectedOrAway))
}

function connectedOrAway(node: Redis): Promise<unknown> {
  return new Promise((resolve) => {
    node.once('ready', resolve)
    node.once('close', resolve)
  })
}

/**
 * Calls back with each server whenever it is reached. Masters of a Cluster are connected when they become
 * known, not when they are spoken to first.
 */
export function onReached(client: Redis | Cluster, act: (server: Redis) => void): void {
  if (client instanceof Redis) {
    client.on('ready', () => act(client))
    return
  }
  client.on('+node', (node: Redis) => {
    node.on('ready', () => act(node))
    // ioredis asks one of them whether the Cluster is ready, and takes one that is being connected for lost.
    if (client.status === 'ready') connectMaster(node)
  })
  client.on('ready', () => client.nodes('master').forEach(connectMaster))
}

function connectMaster(node: Redis): void {
  if (!node.options.readOnly && node.status === 'wait') node.connect().catch(() => {})
}
