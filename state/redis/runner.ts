import { partitionOfReply } from '../reply-id.ts'
import { flowOf } from '../rooms.ts'
import type {
  Acknowledgement,
  Checkpoint,
  DeadLetterNotice,
  ReplyAddress,
  ReplyMessage,
  ReplyOutcome,
  RunnerState,
  RunRef,
  SendOutcome,
  Takeover,
} from '../state.ts'
import { writeCheckpoint } from '../checkpoint.ts'
import { createCollector } from './collect.ts'
import type { Argument, Connection } from './connection.ts'
import { createConsumers } from './consumers.ts'
import { decodeHead } from './event-format.ts'
import { every } from './every.ts'
import { createHeld } from './held.ts'
import type { Keys } from './keys.ts'
import { group, longId } from './keys.ts'
import type { Settings } from './options.ts'
import { createLapsedRecorder } from './lapsed.ts'
import { createPresence } from './presence.ts'
import { createReader } from './reader.ts'
import { createTake } from './take.ts'
import type { Scripts } from './script.ts'

export interface RunnerDeps {
  consumer: string
  /** Whether Redis is a Cluster. */
  cluster: boolean
  keys: Keys
  scripts: Scripts
  settings: Settings
  connect: (channel: string, onMessage: (message: string) => void) => Connection
}

interface Reply extends ReplyAddress {
  /** The message. */
  json: string
}

/**
 * How many replies or events go into one script, and how long their messages are together, so that none holds
 * Redis up.
 */
const batch = 100
const batchLength = 1_000_000
/**
 * How long an answer is kept for a pod that takes nothing, and which of several runs have ended: longer than
 * any caller waits.
 */
const answersTtlMs = 300_000
/** What a pod that takes nothing leaves behind for one WebSocket, and for how long. */
const outbox = { messages: 1_000, bytes: 4 * 1_048_576, ttlMs: 3_600_000 }

/** The state as one runner process sees it, see `RunnerState`. */
export function createRunnerState(deps: RunnerDeps): RunnerState {
  const { consumer, cluster, keys, scripts, settings, connect } = deps
  const { clock, onError, lapseMs, consumerTtlMs, runTtlMs, endedTtlMs } = settings
  const channel = keys.workOf(consumer)
  // What it means is told in `lua/include/wake.lua`.
  const idleName = cluster ? `?${channel}` : channel
  const connection = connect(channel, (message) => reader.wake(message))
  const { atEnd: defer } = connection.turn
  const presence = createPresence(clock, lapseMs)
  const held = createHeld({ ...deps, connection, presence })
  const consumers = createConsumers({ ...deps, idleName, connection })
  const take = createTake({ ...deps, idleName, connection, held, presence, onPutAside })
  const reader = createReader({ ...deps, connection, take })
  /** Events that were put aside, whose callers were not told: who asks for it again tells them. */
  const untold = new Set<string>()
  let onDeadLetter: ((letter: DeadLetterNotice) => void) | undefined
  let closed = false
  const stops = [
    every(lapseMs / 3, clock, () => held.renew(), onError),
    every(lapseMs / 3, clock, createLapsedRecorder({ ...deps, connection, presence }), onError),
    every(consumerTtlMs / 24, clock, consumers.forget, onError),
  ]

  async function onPutAside(head: Buffer): Promise<void> {
    const { id, reply, webhook } = decodeHead(head)
    onDeadLetter?.({ eventId: id, webhook, reason: `${settings.maxAttempts} runners have died over it` })
    if (reply !== undefined)
      await answer({ replyId: reply.id, namespace: webhook.namespace }, { kind: 'failed' })
  }

  function answer({ replyId, namespace }: ReplyAddress, message: ReplyMessage): Promise<ReplyOutcome> {
    const partition = partitionOfReply(replyId)
    if (partition === undefined) return connection.ensureOpen('gone')
    return sendReply(partition, { replyId, namespace, json: JSON.stringify(message) })
  }

  /** Where scripts leave answers, and for how long. */
  function answersOf(partition: number): Argument[] {
    return [keys.answers(partition, ''), answersTtlMs]
  }

  const sendReply = createCollector(
    async (partition, replies: Reply[]): Promise<ReplyOutcome[]> => {
      const names: string[] = []
      const args = [...answersOf(partition), keys.reply(partition, '')]
      let countAt = 0
      for (const { replyId, namespace, json } of replies) {
        const shared = keys.replies(partition, replyId)
        if (names.at(-1) !== shared) {
          names.push(shared)
          countAt = args.push(0) - 1
        }
        args[countAt] = (args[countAt] as number) + 1
        args.push(longId(replyId), namespace, json)
      }
      const codes = (await connection.run(scripts.reply, names, args)) as number[]
      return codes.map((code) => (code === 2 ? 'first' : code === 1 ? 'late' : 'gone'))
    },
    { defer, items: batch, size: batchLength, sizeOf: ({ json }) => json.length },
  )

  const sendToSocket = createCollector(
    async (partition, messages: Reply[]): Promise<SendOutcome[]> => {
      const names = messages.flatMap(({ replyId }) => [
        keys.connection(partition, replyId),
        keys.outbox(partition, replyId),
      ])
      const args = messages.flatMap(({ replyId, namespace, json }) => [replyId, namespace, json])
      const codes = (await connection.run(
        scripts.send,
        [keys.connections(partition), ...names],
        [outbox.messages, outbox.bytes, outbox.ttlMs, ...args],
      )) as number[]
      return codes.map((code) => (code === 1 ? 'sent' : 'gone'))
    },
    { defer, items: batch, size: batchLength, sizeOf: ({ json }) => json.length },
  )

  const acknowledge = createCollector(
    async (partition, done: Acknowledgement[]) => {
      const names = [keys.events, keys.idle, keys.backlog, keys.attempts].map((key) => key(partition))
      const args: Argument[] = [group, consumer, endedTtlMs, partition]
      for (const { entry, deliveries, runs = [] } of done) {
        const { socket, weight = 0 } = held.event(partition, entry) ?? {}
        names.push(...runs.map((runId) => keys.run(partition, runId)))
        if (socket !== undefined) names.push(keys.line(partition, socket))
        args.push(entry, deliveries, weight, runs.length, socket ?? '')
      }
      await connection.run(scripts.acknowledge, names, args)
      for (const { entry } of done) held.dropEvent(partition, entry)
      return []
    },
    { defer, items: batch },
  )

  function keysOf({ partition, runId }: RunRef): string[] {
    return [keys.run(partition, runId), keys.parked(partition)]
  }

  async function store(run: RunRef, checkpoint: Checkpoint, delayMs: number | ''): Promise<boolean> {
    const names = keysOf(run)
    const { webhook, entry } = run
    const flow = webhook === undefined ? '' : flowOf(webhook)
    const args: Argument[] = [run.epoch, writeCheckpoint(checkpoint), runTtlMs, run.runId, delayMs, flow]
    if (entry !== undefined) {
      names.push(keys.attempts(run.partition))
      args.push(entry)
    }
    return (await connection.run(scripts.save, names, args)) === 1
  }

  async function takeOver(run: RunRef): Promise<Takeover> {
    const answer = await connection.run(scripts['take-over'], keysOf(run), [run.epoch, runTtlMs, run.runId])
    const [kind, json] = answer as [Takeover['kind'], string?]
    return kind === 'checkpoint' ? { kind, checkpoint: JSON.parse(json ?? 'null') } : { kind }
  }

  return {
    read: (options) => reader.read(options),
    async acknowledge(acknowledgements) {
      if (acknowledgements.length === 0) await connection.ensureOpen(undefined)
      await Promise.all(acknowledgements.map((one) => acknowledge(one.partition, one)))
    },
    async deadLetter({ partition, entry, event, deliveries }, reason) {
      const names = [keys.events, keys.deadLetters, keys.attempts, keys.backlog].map((key) => key(partition))
      const { weight = 0 } = held.event(partition, entry) ?? {}
      const kept = [settings.deadLetters, settings.deadLetterBytes]
      const args: Argument[] = [group, consumer, entry, ...kept, deliveries, reason, weight]
      if (event.socket !== undefined) {
        names.push(keys.idle(partition), keys.line(partition, event.socket.id))
        args.push(event.socket.id, partition)
      }
      const put = await connection.run(scripts['dead-letter'], names, args)
      held.dropEvent(partition, entry)
      if (put === 1) {
        onDeadLetter?.({ eventId: event.id, webhook: event.webhook, reason })
        if (event.reply !== undefined) untold.add(event.id)
      }
      if (event.reply === undefined || !untold.has(event.id)) return
      await answer({ replyId: event.reply.id, namespace: event.webhook.namespace }, { kind: 'failed' })
      untold.delete(event.id)
    },
    onDeadLetter: (listener) => void (onDeadLetter = listener),
    abandon(delivery) {
      if (delivery.kind === 'event') held.dropEvent(delivery.partition, delivery.entry)
      else held.dropRun(delivery.run.partition, delivery.run.runId)
    },
    takeOver: (runs) => connection.ensureOpen(undefined).then(() => Promise.all(runs.map(takeOver))),
    save: (run, checkpoint) => store(run, checkpoint, ''),
    async park(run, checkpoint, delayMs) {
      const delay = Math.max(0, Math.ceil(delayMs))
      if (!(await store(run, checkpoint, delay))) return false
      held.dropRun(run.partition, run.runId)
      reader.lookAgain(run.partition, delay)
      return true
    },
    async end(run) {
      const args = [run.epoch, run.runId, runTtlMs, endedTtlMs]
      const ended = (await connection.run(scripts.end, keysOf(run), args)) === 1
      held.dropRun(run.partition, run.runId)
      return ended
    },
    reply: answer,
    async send({ replyId, namespace }, message) {
      const partition = partitionOfReply(replyId)
      if (partition === undefined) return connection.ensureOpen('gone')
      return sendToSocket(partition, { replyId, namespace, json: JSON.stringify(message) })
    },
    async settle({ replyId, namespace }, { runId, failed, total }) {
      const partition = partitionOfReply(replyId)
      if (partition === undefined) return connection.ensureOpen(undefined)
      const args = [longId(replyId), namespace, runId, failed ? '1' : '0', total, ended, failure]
      const names = [keys.replies(partition, replyId), keys.reply(partition, replyId)]
      await connection.run(scripts.settle, names, [...args, ...answersOf(partition)])
    },
    ready: () => connection.ready(),
    async close() {
      if (closed) return
      closed = true
      for (const stop of stops) stop()
      connection.turn.end()
      await reader.close()
      await held.handOver().catch(onError)
      await consumers.leave().catch(onError)
      connection.close()
    },
  }
}

const ended = JSON.stringify({ kind: 'ended' } satisfies ReplyMessage)
const failure = JSON.stringify({ kind: 'failed' } satisfies ReplyMessage)
