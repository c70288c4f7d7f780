import type { Writable } from 'node:stream'
import { Command, Redis } from 'ioredis'
import type { Clock } from '../clock.ts'
import { createDeadlines } from '../deadlines.ts'
import { StateUnavailable } from '../state.ts'
import type { ClientOptions } from './client.ts'
import { createClient, onReached, opened, silenceMs } from './client.ts'
import { every } from './every.ts'
import type { Script, Scripts } from './script.ts'
import type { Turn } from './turn.ts'
import { createTurn } from './turn.ts'

export type Argument = string | number | Buffer

export interface ConnectionOptionsOfState extends ClientOptions {
  scripts: Scripts
  /** The key that names whose state this is, and by what name this process goes, see `RedisStateOptions`. */
  installation: { key: string; name: string }
  prefix: string
  /** How many there are, see `RedisStateOptions`. */
  partitions: number
  clock: Clock
  onError(error: unknown): void
}

/** The connections of one process: one for commands, one for the channel it listens to. */
export interface Connection {
  /**
   * Runs a script in one round trip. Rejects with {@link StateUnavailable}. The first calls wait for the
   * connection; later none is ever queued.
   */
  run(script: Script, keys: string[], args: Argument[]): Promise<unknown>
  /** The same, with every string of the answer as a Buffer. */
  runForBuffers(script: Script, keys: string[], args: Argument[]): Promise<unknown>
  /** What is run at the end of a turn leaves with what was run in it. */
  turn: Pick<Turn, 'atEnd' | 'end'>
  /**
   * A command that is atomic by itself, when a script would only pass its answer on; with Buffers, like
   * {@link runForBuffers}.
   */
  commandForBuffers(name: string, args: Argument[]): Promise<unknown>
  /** For acts that need no Redis: the value, or a rejection once this is closed. */
  ensureOpen<T>(value: T): Promise<T>
  ready(): Promise<boolean>
  close(): void
}

/** How many bytes may wait for a Redis that reads nothing; at most one turn of calls more. */
const longestBacklog = 64 * 1024 * 1024
/** How often at most a Cluster that fails is asked for its masters. */
const masterSearchMs = 200
/** What a process says to itself; no other message is empty. */
const word = ''

/** Connects, and listens to the channel; both are taken up again by themselves whenever they are lost. */
export function connect(
  options: ConnectionOptionsOfState,
  channel: string,
  onMessage: (message: string) => void,
): Connection {
  const { clock, commandTimeoutMs, onError, scripts, installation, partitions } = options
  const commands = createClient(options, false)
  const subscriber = createClient(options, true)
  const streams = (): (Writable | undefined)[] =>
    commands instanceof Redis ? [commands.stream] : commands.nodes().map((node) => node.stream)
  const turn = createTurn(streams)
  const deadlines = createDeadlines(clock)
  const over = Promise.resolve()
  let closed = false
  let opening: Promise<unknown> | undefined
  /** Whether the state is known to be that of this process's installation. */
  let entered = false
  let entering: Promise<void> | undefined
  let lookedAt = -Infinity
  /** Whether this process has said its word to itself, and not heard it yet. */
  let awaitsWord = false

  const fault = (error: unknown): void => {
    if (!closed) onError(withoutArguments(error))
  }
  for (const client of [commands, subscriber]) client.on('error', fault)
  subscriber.on('message', (_, message: string) => {
    if (message === word) awaitsWord = false
    else onMessage(message)
  })
  // ioredis would do so by itself, and let nobody know when it fails: the process would end of it, or hear
  // nothing.
  subscriber.on('ready', () => void subscriber.subscribe(channel).catch(fault))
  onReached(commands, (server) => {
    // Ahead of all calls: one that had to be sent again with its script would come after those that followed
    // it. Without the right to do so it happens once.
    for (const { source } of Object.values(scripts)) server.script('LOAD', source).catch(() => {})
    // It may have lost its data, or be another one.
    if (entered) claim().catch(fault)
  })
  const stopTalking = every(silenceMs(options), clock, talkToSelf, () => {})
  opening = within(
    Promise.all([opened(commands), subscriber.subscribe(channel)]),
    clock,
    commandTimeoutMs,
  ).finally(() => (opening = undefined))
  opening.catch(fault)

  /**
   * Who only listens can't tell a dead connection from one on which nothing is said, so this process says a
   * word to itself: one that was not heard by the next time was lost on the way.
   */
  async function talkToSelf(): Promise<void> {
    if (!entered) return
    // A process that stood still reads first what came meanwhile, see `createDeadlines`.
    if (awaitsWord) await new Promise<void>((resolve) => clock.setTimer(resolve, 1))
    if (closed) return
    if (awaitsWord) {
      awaitsWord = false
      if (subscriber.status === 'ready') subscriber.disconnect(true)
      return
    }
    awaitsWord = true
    await answerTo(() => command('publish', [channel, word], false)).catch(() => (awaitsWord = false))
  }

  /**
   * Makes sure that no other installation works here: a runner would acknowledge what it has no Workflows
   * for. Nor one that divides the state otherwise: of some partitions nobody would take anything.
   */
  async function claim(): Promise<void> {
    const args = [installation.name, partitions]
    const answer = await execute(scripts.claim, [installation.key], args, false)
    const [owner = '', divided = ''] = answer as string[]
    const isOwn = owner === installation.name
    entered = isOwn && divided === String(partitions)
    if (!isOwn) throw new StateUnavailable(belongsTo(owner, options))
    if (!entered) throw new StateUnavailable(dividedInto(divided, options))
  }

  function enter(): Promise<void> {
    entering ??= (opening ?? Promise.resolve())
      .then(claim, (error: unknown) => Promise.reject(unavailable(error)))
      .finally(() => (entering = undefined))
    return entering
  }

  function call(act: () => Promise<unknown>): Promise<unknown> {
    if (closed) return Promise.reject(new StateUnavailable('the state is closed'))
    return entered ? act() : enter().then(() => call(act))
  }

  function execute(script: Script, keys: string[], args: Argument[], buffers: boolean): Promise<unknown> {
    const parameters = [script.sha, keys.length, ...keys, ...args]
    return answerTo(() =>
      command('evalsha', parameters, buffers).catch((error: unknown) => {
        // Redis was restarted, or this is a node that does not know the script yet.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT'))
          return command('eval', parameters.with(0, script.source), buffers)
        throw error
      }),
    )
  }

  function command(name: string, args: Argument[], buffers: boolean): Promise<unknown> {
    turn.cork()
    const sent = new Command(name, args, { replyEncoding: buffers ? null : 'utf8' })
    // V8 can keep what is over alive for long: a command that was under way during a young collection refers by
    // detours to the next one. Without what was said and answered, heads and bodies of calls, that is little.
    const forget = (): void => {
      sent.args = []
      sent.promise = over
    }
    const answer = commands.sendCommand(sent) as Promise<unknown>
    answer.then(forget, forget)
    return answer
  }

  /** What Redis answers, if it does in time. */
  function answerTo(send: () => Promise<unknown>): Promise<unknown> {
    if (isStuck()) return Promise.reject(new StateUnavailable('Redis takes no more commands'))
    return new Promise((resolve, reject) => {
      const deadline = deadlines.add(commandTimeoutMs, () => {
        lookForMasters()
        reject(new StateUnavailable('Redis did not answer in time'))
      })
      const succeed = (answer: unknown): void => {
        deadlines.cancel(deadline)
        resolve(answer)
      }
      const fail = (error: unknown): void => {
        deadlines.cancel(deadline)
        lookForMasters()
        reject(unavailable(error))
      }
      send().then(succeed, fail)
    })
  }

  /**
   * After a failure in a Cluster: another server may have become a master. ioredis would learn of it only
   * from one that still answers for the slot.
   */
  function lookForMasters(): void {
    const now = clock.monotonic()
    if (commands instanceof Redis || closed || now - lookedAt < masterSearchMs) return
    lookedAt = now
    commands.refreshSlotsCache()
  }

  /** Whether a Redis that reads nothing has left so much behind that the process must not keep more. */
  function isStuck(): boolean {
    return streams().some((stream) => (stream?.writableLength ?? 0) > longestBacklog)
  }

  return {
    turn,
    run: (script, keys, args) => call(() => execute(script, keys, args, false)),
    runForBuffers: (script, keys, args) => call(() => execute(script, keys, args, true)),
    commandForBuffers: (name, args) => call(() => answerTo(() => command(name, args, true))),
    async ensureOpen(value) {
      if (closed) throw new StateUnavailable('the state is closed')
      return value
    },
    async ready() {
      try {
        if (closed) return false
        if (!entered) await enter()
        return (await within(commands.ping(), clock, commandTimeoutMs)) === 'PONG'
      } catch {
        return false
      }
    },
    close() {
      closed = true
      stopTalking()
      deadlines.stop()
      commands.disconnect()
      subscriber.disconnect()
    },
  }
}

/** What to do when two installations meet. */
function belongsTo(owner: string, { installation, prefix }: ConnectionOptionsOfState): string {
  const own =
    installation.name === '' ? 'this one, which has no name (HOOKLET_INSTALLATION)' : `"${installation.name}"`
  return (
    `the keys of Redis that begin with "${prefix}" belong to the installation "${owner}" and not to ${own}: give each a prefix of its own ` +
    `(HOOKLET_REDIS_PREFIX), or delete the key ${installation.key} when "${owner}" is no more`
  )
}

/** What to do when the number of partitions was changed. */
function dividedInto(
  divided: string,
  { installation, prefix, partitions }: ConnectionOptionsOfState,
): string {
  return (
    `what the keys of Redis that begin with "${prefix}" hold is divided into ${divided} partitions, and this process is set to ${partitions} ` +
    `(HOOKLET_PARTITIONS): set it to ${divided} or, when nothing waits and all processes are stopped, delete the key ${installation.key}`
  )
}

function unavailable(error: unknown): StateUnavailable {
  if (error instanceof StateUnavailable) return error
  return new StateUnavailable('Redis did not take a command', { cause: withoutArguments(error) })
}

/**
 * Errors of ioredis hold the command with its arguments, among them passwords and the bodies of calls; some
 * messages of Redis repeat them.
 */
function withoutArguments(error: unknown): Error {
  if (error instanceof StateUnavailable) return error
  if (!(error instanceof Error)) return new Error('unknown error')
  const bare = new Error(error.message.replace(/,? with args beginning with.*/s, ''))
  bare.name = error.name
  return bare
}

function within<T>(promise: Promise<T>, clock: Clock, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(new StateUnavailable('Redis can not be reached'))
    // A process that stood still sees first what came meanwhile, see `createDeadlines`.
    let cancel = clock.setTimer(() => (cancel = clock.setTimer(giveUp, 1)), ms)
    promise.then(resolve, reject).finally(() => cancel())
  })
}
