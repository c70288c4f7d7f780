import type { Writable } from 'node:stream'
import type { ConnectionOptions } from 'node:tls'
import type { NatMap } from 'ioredis'
import { Cluster, Redis } from 'ioredis'
import type { Clock } from '../clock.ts'
import { createDeadlines } from '../deadlines.ts'
import { StateUnavailable } from '../state.ts'
import { createCork } from './cork.ts'
import type { Script } from './script.ts'
import type { RedisTarget } from './url.ts'

export type Argument = string | number | Buffer

export interface ConnectionOptionsOfState {
  target: RedisTarget
  tls?: ConnectionOptions
  /** Where nodes are reached that announce addresses of another network. */
  natMap?: NatMap
  clock: Clock
  /** After this time a command counts as failed. */
  commandTimeoutMs: number
  onError(error: unknown): void
}

/** The connections of one process: one for commands, one for the channel it listens to. */
export interface Connection {
  /** Runs a script in one round trip. Rejects with {@link StateUnavailable}. The first calls wait for the connection; later none is ever queued. */
  run(script: Script, keys: string[], args: Argument[]): Promise<unknown>
  /** The same, with every string of the answer as a Buffer. */
  runForBuffers(script: Script, keys: string[], args: Argument[]): Promise<unknown>
  /** For acts that need no Redis: the value, or a rejection once this is closed. */
  ensureOpen<T>(value: T): Promise<T>
  ready(): Promise<boolean>
  close(): void
}

/** How many bytes may wait for a Redis that reads nothing; at most one turn of calls more. */
const longestBacklog = 64 * 1024 * 1024

/** Connects, and listens to the channel; both are taken up again by themselves whenever they are lost. */
export function connect(
  options: ConnectionOptionsOfState,
  channel: string,
  onMessage: (message: string) => void,
): Connection {
  const { clock, commandTimeoutMs, onError } = options
  const commands = createClient(options, false)
  const subscriber = createClient(options, true)
  const streams = (): (Writable | undefined)[] =>
    commands instanceof Redis ? [commands.stream] : commands.nodes().map((node) => node.stream)
  const cork = createCork(streams)
  const deadlines = createDeadlines(clock)
  let closed = false
  let opening: Promise<unknown> | undefined

  const fault = (error: unknown): void => {
    if (!closed) onError(withoutArguments(error))
  }
  for (const client of [commands, subscriber]) client.on('error', fault)
  subscriber.on('message', (_, message: string) => onMessage(message))
  // ioredis would do so by itself, and let nobody know when the connection is lost meanwhile: the process would end of it. A Cluster's does it well.
  if (subscriber instanceof Redis)
    subscriber.on('ready', () => void subscriber.subscribe(channel).catch(fault))
  opening = within(
    Promise.all([new Promise((resolve) => commands.once('ready', resolve)), subscriber.subscribe(channel)]),
    clock,
    commandTimeoutMs,
  ).finally(() => (opening = undefined))
  opening.catch(fault)

  function call(script: Script, keys: string[], args: Argument[], buffers: boolean): Promise<unknown> {
    if (closed) return Promise.reject(new StateUnavailable('the state is closed'))
    if (opening !== undefined)
      return opening.then(
        () => call(script, keys, args, buffers),
        (error: unknown) => Promise.reject(unavailable(error)),
      )
    if (isStuck()) return Promise.reject(new StateUnavailable('Redis takes no more commands'))
    return new Promise((resolve, reject) => {
      const deadline = deadlines.add(commandTimeoutMs, () =>
        reject(new StateUnavailable('Redis did not answer in time')),
      )
      const succeed = (answer: unknown): void => {
        deadlines.cancel(deadline)
        resolve(answer)
      }
      const fail = (error: unknown): void => {
        deadlines.cancel(deadline)
        reject(unavailable(error))
      }
      send(script.sha, 'evalsha').then(succeed, (error: unknown) => {
        // Redis was restarted, or this is a node that does not know the script yet.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
          send(script.source, 'eval').then(succeed, fail)
        else fail(error)
      })
    })

    function send(code: string, command: 'eval' | 'evalsha'): Promise<unknown> {
      cork()
      const parameters = [code, keys.length, ...keys, ...args]
      return buffers ? commands.callBuffer(command, parameters) : commands.call(command, parameters)
    }
  }

  /** Whether a Redis that reads nothing has left so much behind that the process must not keep more. */
  function isStuck(): boolean {
    return streams().some((stream) => (stream?.writableLength ?? 0) > longestBacklog)
  }

  return {
    run: (script, keys, args) => call(script, keys, args, false),
    runForBuffers: (script, keys, args) => call(script, keys, args, true),
    async ensureOpen(value) {
      if (closed) throw new StateUnavailable('the state is closed')
      return value
    },
    async ready() {
      try {
        if (closed) return false
        if (opening !== undefined) await opening
        return (await within(commands.ping(), clock, commandTimeoutMs)) === 'PONG'
      } catch {
        return false
      }
    },
    close() {
      closed = true
      deadlines.stop()
      commands.disconnect()
      subscriber.disconnect()
    },
  }
}

function unavailable(error: unknown): StateUnavailable {
  if (error instanceof StateUnavailable) return error
  return new StateUnavailable('Redis did not take a command', { cause: withoutArguments(error) })
}

/** Errors of ioredis hold the command with its arguments, among them passwords and the bodies of calls; some messages of Redis repeat them. */
function withoutArguments(error: unknown): Error {
  if (error instanceof StateUnavailable) return error
  if (!(error instanceof Error)) return new Error('unknown error')
  const bare = new Error(error.message.replace(/,? with args beginning with.*/s, ''))
  bare.name = error.name
  return bare
}

const backoffMs = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 2_000) * (0.5 + Math.random() / 2)

function createClient(options: ConnectionOptionsOfState, queue: boolean): Redis | Cluster {
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
    // A connection that has gone silent is made anew.
    ...(queue ? {} : { socketTimeout: 5 * commandTimeoutMs }),
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
 * After a MOVED, ioredis notes the announced address of a slot where it looks for mapped ones, does not find the connection, and asks
 * random nodes until it gives up. This lets it find the connection by either address.
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

function within<T>(promise: Promise<T>, clock: Clock, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(() => reject(new StateUnavailable('Redis can not be reached')), ms)
    promise.then(resolve, reject).finally(cancel)
  })
}
