/** A Redis that is full: it takes no more calls, and everything that makes room goes on. */
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { RedisState } from '../../state/redis/redis.ts'
import { createRedisState } from '../../state/redis/redis.ts'
import type { Delivery, IngressState, RunnerState } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { addressOf, inbox, waitingEvent } from '../contract/harness.ts'
import { disconnectOf, newSocket, socketEvent, text, wide } from '../contract/sockets.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { redisCommand, startRedisServer } from '../support/redis-server.ts'

const maxBytes = 24 * 1_048_576
let server: RedisServer
let state: RedisState

beforeEach(async () => {
  server = await startRedisServer(['--maxmemory', String(maxBytes), '--maxmemory-policy', 'noeviction'])
  state = createRedisState({ url: server.url, sweepMs: 100, lapseMs: 2_000, commandTimeoutMs: 5_000 })
})
afterEach(async () => {
  await state.close()
  await server.close()
})

/** Calls whose bodies fill it; those that were accepted, of all. */
async function fill(ingress: IngressState): Promise<{ accepted: number; calls: number }> {
  const body = Buffer.alloc(64 * 1_024, 'x')
  let accepted = 0
  for (let calls = 0; ; calls += 1) {
    const partition = calls % 64
    const admission = { partition, event: waitingEvent(partition, { body }), replyTtlMs: 60_000 }
    try {
      expect(await ingress.admit(admission)).toEqual({ kind: 'accepted' })
      accepted += 1
    } catch (error) {
      expect(error).toBeInstanceOf(StateUnavailable)
      expect(String((error as Error).cause)).toContain('OOM')
      return { accepted, calls: calls + 1 }
    }
  }
}

/** All that a run with a checkpoint, a pause and a reply asks of the state. */
async function carry(runner: RunnerState, delivery: Delivery): Promise<void> {
  const checkpoint = { memory: 'x'.repeat(2_000) }
  if (delivery.kind === 'resume') {
    expect(await runner.save(delivery.run, checkpoint)).toBe(true)
    expect(await runner.end(delivery.run)).toBe(true)
    return
  }
  const { event, partition, deliveries } = delivery
  const run = { partition, runId: event.id, epoch: deliveries }
  await runner.takeOver([run])
  expect(await runner.save(run, checkpoint)).toBe(true)
  expect(await runner.park(run, checkpoint, 0)).toBe(true)
  expect(await runner.reply(addressOf(event), { kind: 'output', body: 1 })).toBe('first')
  await runner.acknowledge([{ ...delivery, runs: [run.runId] }])
}

test('drains, and takes calls again', async () => {
  const ingress = state.ingress('pod')
  const replies = inbox(ingress)
  const socket = newSocket()
  const opening = { throttle: wide, limit: 9, event: socketEvent(socket, 'connect') }
  await ingress.connect(socket, opening)
  const { accepted, calls } = await fill(ingress)
  expect(calls).toBe(accepted + 1)
  const runner = state.runner('runner')
  expect(await runner.send({ replyId: socket.id, namespace: 'shop' }, text('hi'))).toBe('sent')
  await ingress.disconnect(socket, disconnectOf(socket))
  // It stays full until half of the work is done.
  await redisCommand(server.port, 'CONFIG', 'SET', 'maxmemory', String(maxBytes / 2))
  let [begun, resumed] = [0, 0]
  while (resumed < accepted) {
    for (const delivery of await runner.read({ count: 16, blockMs: 5_000 })) {
      if (delivery.kind === 'resume') resumed += 1
      else begun += 1
      if (delivery.kind === 'event' && delivery.event.reply === undefined)
        await runner.acknowledge([delivery])
      else await carry(runner, delivery)
    }
  }
  expect(begun).toBe(accepted + 2)
  expect(replies.received.length).toBe(accepted)
  expect(await ingress.admit({ partition: 3, event: waitingEvent(3), replyTtlMs: 1_000 })).toEqual({
    kind: 'accepted',
  })
})

test('what a dead runner held is taken over, and what nobody can finish is put aside', async () => {
  const ingress = state.ingress('pod')
  await fill(ingress)
  await redisCommand(server.port, 'CONFIG', 'SET', 'maxmemory', String(maxBytes / 2))
  const dead = state.runner('dead')
  const [delivery] = await dead.read({ count: 1, blockMs: 5_000 })
  if (delivery?.kind !== 'event') throw new Error('an event was accepted')
  await dead.close()
  const runner = state.runner('runner')
  let again: Delivery | undefined
  while (again === undefined)
    again = (await runner.read({ count: 64, blockMs: 5_000 })).find(
      (one) => one.kind === 'event' && one.entry === delivery.entry && one.partition === delivery.partition,
    )
  if (again.kind !== 'event') throw new Error('the event comes again')
  expect(again.deliveries).toBe(2)
  await runner.deadLetter(again, 'nobody can finish it')
  const key = `hooklet:{p${again.partition}}:dead-letters`
  expect(await redisCommand(server.port, 'XLEN', key)).toBe(':1\r\n')
})
