import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import { StateUnavailable } from '../../state/state.ts'
import { addressOf, callEvent, inbox, readEvent, readEvents, waitingEvent } from '../contract/harness.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { redisCommand, startRedisServer } from '../support/redis-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { DURABLE, redisLab } from './redis-lab.ts'

const partition = 3
const lab = redisLab(DURABLE)

function open(options: Partial<RedisStateOptions> = {}): RedisState {
  return lab.open({ sweepMs: 200, ...options })
}

const refusal = (act: () => Promise<unknown>): Promise<void> =>
  expect(act()).rejects.toThrow(StateUnavailable)

/** By the process's own clock, so that it does not matter how busy the machine is. */
async function refusedWithinASecond(clock: ManualClock, acts: (() => Promise<unknown>)[]): Promise<void> {
  const refusals = acts.map(refusal)
  // They have begun.
  await clock.advance(0)
  await clock.advance(1_000)
  await Promise.all(refusals)
}

describe('while Redis is away', () => {
  test('calls are refused within a second, and accepted again when it is back', async () => {
    // Its clock stands still: nothing is refused for having waited.
    const ingress = open({ clock: createManualClock() }).ingress('pod')
    const admit = () => ingress.admit({ partition, event: callEvent() })
    await admit()
    await lab.server.kill()
    await refusal(admit)
    expect(await ingress.ready()).toBe(false)
    await refusal(admit)
    await ingress.release(partition, { key: 'orders', id: 'a' })
    await ingress.closeReply(partition, '3.x')
    await lab.server.start()
    await until(() => ingress.ready())
    expect(await admit()).toEqual({ kind: 'accepted' })
  })

  test('a process that starts meanwhile is not ready, refuses, and serves once Redis is there', async () => {
    await lab.server.kill()
    const clock = createManualClock()
    const state = open({ clock })
    const ingress = state.ingress('pod')
    const runner = state.runner('runner')
    await refusedWithinASecond(clock, [
      () => ingress.admit({ partition, event: callEvent() }),
      () => runner.read({ count: 1, blockMs: 5_000 }),
    ])
    expect(await ingress.ready()).toBe(false)
    await lab.server.start()
    await until(async () => (await ingress.ready()) && (await runner.ready()))
    const replies = inbox(ingress)
    const event = waitingEvent(partition)
    await ingress.admit({ partition, event, replyTtlMs: 60_000 })
    // It looks for work again.
    await clock.advance(200)
    expect((await readEvent(runner)).event).toEqual(event)
    await runner.reply(addressOf(event), { kind: 'output', body: 1 })
    // The pod may not have been listening yet.
    await until(
      async () => {
        await clock.advance(200)
        return replies.received.length > 0
      },
      { everyMs: 200 },
    )
    expect(replies.received).toEqual([{ replyId: event.reply.id, message: { kind: 'output', body: 1 } }])
  })

  test('a Redis that hangs is no different', async () => {
    const clock = createManualClock()
    const ingress = open({ clock }).ingress('pod')
    await ingress.admit({ partition })
    lab.server.pause()
    await refusedWithinASecond(clock, [() => ingress.admit({ partition, event: callEvent() })])
    lab.server.resume()
    await until(() => ingress.ready())
    expect(await ingress.admit({ partition, event: callEvent() })).toEqual({ kind: 'accepted' })
  })

  test('one that still loads its data is no different', async () => {
    const state = open()
    const ingress = state.ingress('pod')
    const admit = () => ingress.admit({ partition, event: callEvent() })
    await admit()
    for (let each = 0; each < 120; each += 1) {
      const throttle = { key: `a key of ${'x'.repeat(100)} ${each}`, requests: 1, windowMs: 600_000 }
      await ingress.admit({ partition, throttle })
    }
    await redisCommand(lab.server.port, 'BGREWRITEAOF')
    const isWritten = /aof_rewrite_in_progress:0[^]*aof_rewrite_scheduled:0/
    await until(async () => isWritten.test(await redisCommand(lab.server.port, 'INFO', 'persistence')))
    await lab.server.kill()
    // Ten milliseconds for each key.
    const slowly = ['--key-load-delay', '10000', '--loading-process-events-interval-bytes', '1024']
    const loaded = lab.server.start(slowly)
    const ping = () => redisCommand(lab.server.port, 'PING').catch(() => '')
    await until(async () => (await ping()).startsWith('-LOADING'))
    expect(await ingress.ready()).toBe(false)
    await refusal(admit)
    expect(await ping()).toMatch(/^-LOADING/)
    await loaded
    await until(() => ingress.ready())
    expect(await admit()).toEqual({ kind: 'accepted' })
    expect(await readEvents(state.runner('runner'), 2)).toHaveLength(2)
  })

  test('a master that was made a replica refuses, and serves when it is one again', async () => {
    const other = await startRedisServer()
    try {
      const state = open()
      const ingress = state.ingress('pod')
      const runner = state.runner('runner')
      const admit = () => ingress.admit({ partition, event: callEvent() })
      await admit()
      const delivery = await readEvent(runner)
      await redisCommand(lab.server.port, 'REPLICAOF', '127.0.0.1', String(other.port))
      const causes = new Set<string>()
      const cause = (error: Error) => String(error.cause)
      await until(async () => {
        causes.add(await admit().then(() => '', cause))
        return [...causes].some((one) => one.includes('READONLY'))
      })
      await expect(runner.acknowledge([delivery])).rejects.toThrow(StateUnavailable)
      await redisCommand(lab.server.port, 'REPLICAOF', 'NO', 'ONE')
      await until(async () => (await admit().catch(() => undefined))?.kind === 'accepted')
      await until(() => runner.ready())
      expect(await readEvent(runner)).toMatchObject({ deliveries: 1 })
    } finally {
      await other.close()
    }
  })

  test('a Redis that hangs under load does not fill the memory of the pod', async () => {
    const ingress = open({ commandTimeoutMs: 30_000 }).ingress('pod')
    await ingress.admit({ partition })
    lab.server.pause()
    // Four times as much as may wait, of calls whose own time is not up yet.
    const body = Buffer.alloc(1024 * 1024, 'x')
    const calls = Array.from({ length: 256 }, (_, call) =>
      ingress.admit({ partition: call % 16, event: callEvent({ body }) }),
    )
    const verdicts = calls.map((call) =>
      call.then(
        ({ kind }) => kind,
        (error: Error) => error.message,
      ),
    )
    const refused = 'Redis takes no more commands'
    await expect(Promise.race(verdicts)).resolves.toBe(refused)
    lab.server.resume()
    const outcomes = await Promise.all(verdicts)
    expect(outcomes.filter((outcome) => outcome === refused).length).toBeGreaterThan(150)
    expect(outcomes.filter((outcome) => outcome === 'accepted').length).toBeGreaterThan(50)
  })
})

test('every accepted event outlives a kill of Redis under load', async () => {
  const state = open()
  const pods = [state.ingress('pod-a'), state.ingress('pod-b')]
  await Promise.all(pods.map((pod) => pod.admit({ partition })))
  const accepted = new Set<string>()
  let refused = 0
  const stop = new AbortController()
  const callers = Array.from({ length: 16 }, async (_, caller) => {
    while (!stop.signal.aborted) {
      const event = callEvent()
      try {
        await pods[caller % 2]?.admit({ partition: caller % 4, event })
        accepted.add(event.id)
      } catch (error) {
        expect(error).toBeInstanceOf(StateUnavailable)
        refused += 1
        await sleep(5)
      }
    }
  })
  await until(async () => accepted.size > 200)
  await lab.server.kill()
  await until(async () => refused > 20)
  await lab.server.start()
  const before = accepted.size
  await until(async () => accepted.size > before + 100)
  stop.abort()
  await Promise.all(callers)
  const runner = state.runner('runner')
  const seen = new Set<string>()
  while ([...accepted].some((id) => !seen.has(id))) {
    const deliveries = await runner.read({ count: 64, blockMs: 5_000 })
    if (deliveries.length === 0) throw new Error('accepted events are lost')
    for (const delivery of deliveries) if (delivery.kind === 'event') seen.add(delivery.event.id)
    await runner.acknowledge(deliveries.flatMap((delivery) => (delivery.kind === 'event' ? [delivery] : [])))
  }
  expect(seen.size).toBeGreaterThanOrEqual(accepted.size)
})

test('a caller gets the reply whose publication was missed', async () => {
  const state = open()
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const replies = inbox(ingress)
  const event = waitingEvent(partition)
  await ingress.admit({ partition, event, replyTtlMs: 60_000 })
  await runner.ready()
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  expect(await runner.reply(addressOf(event), { kind: 'output', body: 'late but there' })).toBe('first')
  expect(await replies.next()).toEqual({
    replyId: event.reply.id,
    message: { kind: 'output', body: 'late but there' },
  })
})

test('a caller is told of an event that was put aside, also when that could not be said at first', async () => {
  let lost = 0
  const proxy = await startTcpProxy(lab.server.port, (chunk) => {
    if (!chunk.includes('{"kind":"failed"}')) return true
    lost += 1
    return lost > 1
  })
  const ingress = open().ingress('pod')
  const runner = open({ url: `redis://127.0.0.1:${proxy.port}`, commandTimeoutMs: 300 }).runner('runner')
  const replies = inbox(ingress)
  const event = waitingEvent(partition)
  await until(() => runner.ready())
  await ingress.admit({ partition, event, replyTtlMs: 60_000 })
  const delivery = await readEvent(runner)
  await expect(runner.deadLetter(delivery, 'a fault')).rejects.toThrow(StateUnavailable)
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'normal')
  await until(() => runner.ready())
  await runner.deadLetter(delivery, 'a fault')
  expect(await replies.next()).toEqual({ replyId: event.reply.id, message: { kind: 'failed' } })
  await runner.close()
  await proxy.cut()
})

test('a channel that has gone silent is taken up again', async () => {
  const proxy = await startTcpProxy(lab.server.port)
  const state = open({ sweepMs: 600_000, commandTimeoutMs: 200 })
  const ingress = open({
    url: `redis://127.0.0.1:${proxy.port}`,
    sweepMs: 600_000,
    commandTimeoutMs: 200,
  }).ingress('pod')
  const runner = state.runner('runner')
  const replies = inbox(ingress)
  await until(() => ingress.ready())
  const listeners = async (): Promise<string[]> =>
    (await redisCommand(lab.server.port, 'CLIENT', 'LIST', 'TYPE', 'pubsub')).match(/\bid=\d+/g) ?? []
  const before = await listeners()
  proxy.silence()
  await until(async () => (await listeners()).some((id) => !before.includes(id)))
  await until(() => ingress.ready())
  const event = waitingEvent(partition)
  await ingress.admit({ partition, event, replyTtlMs: 60_000 })
  expect(await runner.reply(addressOf(event), { kind: 'output', body: 'heard' })).toBe('first')
  expect(await replies.next()).toEqual({
    replyId: event.reply.id,
    message: { kind: 'output', body: 'heard' },
  })
  await ingress.close()
  await proxy.cut()
})

test('a process that ends while it takes up its channel again leaves no rejection to nobody', async () => {
  let [subscriptions, errors] = [0, 0]
  const proxy = await startTcpProxy(lab.server.port, (chunk) => {
    if (/subscribe/i.test(chunk.toString())) subscriptions += 1
    return subscriptions < 2
  })
  const state = open({ url: `redis://127.0.0.1:${proxy.port}`, onError: () => (errors += 1) })
  const ingress = state.ingress('pod')
  await until(() => ingress.ready())
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until(async () => subscriptions > 1)
  await ingress.close()
  await proxy.cut()
  // Jest fails a test of which a rejection goes unheard; it is told of in a later turn.
  await sleep(0)
  expect(errors).toBe(0)
})

test('a process that stood still takes what Redis has answered meanwhile', async () => {
  const ingress = open().ingress('pod')
  await ingress.admit({ partition })
  const admission = ingress.admit({ partition, event: callEvent() })
  // It has left.
  await new Promise((resolve) => setImmediate(resolve))
  // As when the machine gives it no time, longer than a call may wait.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000)
  expect(await admission).toEqual({ kind: 'accepted' })
})

test('an event is found whose publication was missed', async () => {
  const state = open()
  const ingress = state.ingress('pod')
  const reading = readEvent(state.runner('runner'))
  await ingress.ready()
  await until(async () => (await redisCommand(lab.server.port, 'SCARD', 'hooklet:{p3}:idle')) === ':1\r\n')
  await redisCommand(lab.server.port, 'CLIENT', 'KILL', 'TYPE', 'pubsub')
  const event = callEvent()
  await ingress.admit({ partition, event })
  expect((await reading).event.id).toBe(event.id)
})

test('scripts are loaded again when Redis has forgotten them, and groups when it has lost its data', async () => {
  const state = open()
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  await ingress.admit({ partition, event: callEvent() })
  await runner.acknowledge(await readEvents(runner, 1))
  await redisCommand(lab.server.port, 'SCRIPT', 'FLUSH')
  await redisCommand(lab.server.port, 'FLUSHALL')
  const event = callEvent()
  expect(await ingress.admit({ partition, event })).toEqual({ kind: 'accepted' })
  expect(await readEvent(runner)).toMatchObject({ event: { id: event.id }, deliveries: 1 })
})

test('a Redis that was restarted knows the scripts before it gets a call', async () => {
  const ingress = open().ingress('pod')
  await ingress.admit({ partition, event: callEvent() })
  await lab.server.kill()
  await until(async () => !(await ingress.ready()))
  await lab.server.start()
  await until(() => ingress.ready())
  await ingress.admit({ partition, event: callEvent() })
  const statistics = await redisCommand(lab.server.port, 'INFO', 'commandstats')
  expect(statistics).toContain('cmdstat_evalsha:')
  expect(statistics).not.toContain('cmdstat_eval:')
})

test('a runner that stalls loses its events and runs, and can not acknowledge or write to them', async () => {
  // The heartbeat of the first comes too late for the second.
  const stalled = open({ lapseMs: 600_000 }).runner('stalled')
  const state = open({ lapseMs: 100 })
  await state.ingress('pod').admit({ partition, event: callEvent() })
  const deliveries = await readEvents(stalled, 1)
  const run = { partition, runId: 'run', epoch: 1 }
  await stalled.save(run, { saved: 1 })
  const second = state.runner('second')
  const [taken] = await readEvents(second, 1)
  expect(taken).toMatchObject({ entry: deliveries[0]?.entry, deliveries: 2 })
  expect(await second.takeOver([{ ...run, epoch: 2 }])).toEqual([
    { kind: 'checkpoint', checkpoint: { saved: 1 } },
  ])
  await stalled.acknowledge(deliveries)
  expect(await stalled.save(run, { saved: 2 })).toBe(false)
  await second.close()
  expect(await readEvent(state.runner('third'))).toMatchObject({ entry: deliveries[0]?.entry, deliveries: 3 })
})

test('what a dead runner has left is taken at once, not a little with each look for it', async () => {
  const dead = open({ lapseMs: 600_000 }).runner('dead')
  const state = open({ lapseMs: 100, sweepMs: 1_000 })
  const ingress = state.ingress('pod')
  for (let calls = 0; calls < 40; calls += 1) await ingress.admit({ partition, event: callEvent() })
  await readEvents(dead, 40)
  // One of each partition at a time: forty looks would take longer than the test may.
  const runner = state.runner('runner')
  const taken = new Set<string>()
  while (taken.size < 40) {
    const deliveries = await runner.read({ count: 8, blockMs: 10_000 })
    for (const delivery of deliveries) if (delivery.kind === 'event') taken.add(delivery.entry)
  }
}, 30_000)

test('an event that a runner has let go of does not count as one that it died over', async () => {
  const state = open({ lapseMs: 50, sweepMs: 50 })
  await state.ingress('pod').admit({ partition, event: callEvent() })
  const runner = state.runner('runner')
  for (let deliveries = 1; deliveries <= 8; deliveries += 1) {
    const delivery = await readEvent(runner)
    expect(delivery).toMatchObject({ deliveries })
    runner.abandon(delivery)
  }
})

test('when a runner is busy, another that waits gets the event', async () => {
  const state = open({ sweepMs: 60_000 })
  const ingress = state.ingress('pod')
  const busy = state.runner('busy')
  expect(await busy.read({ count: 1, blockMs: 0 })).toEqual([])
  const idle = state.runner('idle')
  const reading = readEvent(idle)
  await until(async () => (await redisCommand(lab.server.port, 'SCARD', 'hooklet:{p3}:idle')) === ':2\r\n')
  const event = callEvent()
  await ingress.admit({ partition, event })
  expect((await reading).event.id).toBe(event.id)
})

test('every key has an end or a bound', async () => {
  const prefix = randomUUID()
  const state = open({ prefix })
  const ingress = state.ingress('pod')
  const runner = state.runner('runner')
  const event = waitingEvent(partition)
  const lease = { key: 'orders', id: 'a', limit: 5 }
  const throttle = { key: 'orders', requests: 5, windowMs: 10_000 }
  await ingress.admit({ partition, event, lease, throttle, replyTtlMs: 60_000 })
  await ingress.admit({ partition, event: callEvent() })
  const deliveries = await readEvents(runner, 2)
  if (deliveries[1] !== undefined) await runner.deadLetter(deliveries[1], 'reason')
  const runs = ['ended', 'parked', 'saved', 'taken'].map((runId) => ({ partition, runId, epoch: 1 }))
  const [ended, parked, saved, taken] = runs
  if (!ended || !parked || !saved || !taken) throw new Error('there are four runs')
  await runner.end(ended)
  await runner.park(parked, {}, 60_000)
  await runner.save(saved, {})
  await runner.takeOver([taken])
  await runner.settle(addressOf(event), { runId: 'ended', failed: false, total: 2 })
  await runner.reply(addressOf(event), { kind: 'ended' })
  const keys = (await redisCommand(lab.server.port, 'KEYS', `${prefix}:*`)).match(/[0-9a-f-]{36}:\S+/g) ?? []
  const withoutEnd = []
  for (const key of keys)
    if ((await redisCommand(lab.server.port, 'PTTL', key)) === ':-1\r\n') withoutEnd.push(key)
  // The bounds of these are the backlog, the cap of the dead letters, the parked runs, and a name and a number.
  const bounded = /:(\{p\d+\}:(events|backlog|dead-letters|parked)|installation)$/
  expect(withoutEnd.filter((key) => !bounded.test(key))).toEqual([])
  expect(keys.filter((key) => !/events|idle/.test(key))).toHaveLength(13)
})
