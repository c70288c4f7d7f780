/** What runners take from each other, and leave behind. */
import { expect, test } from '@jest/globals'
import type { RedisState, RedisStateOptions } from '../../state/redis/redis.ts'
import {
  addressOf,
  callEvent,
  inbox,
  readEvent,
  readEvents,
  readResume,
  waitingEvent,
} from '../contract/harness.ts'
import type { ManualClock } from '../support/manual-clock.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { redisCommand } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { DURABLE, redisLab } from './redis-lab.ts'

const partition = 3
const events = 'hooklet:{p3}:events'
const [lapseMs, sweepMs] = [900, 100]
const lab = redisLab(DURABLE)

function open(options: Partial<RedisStateOptions> = {}): RedisState {
  return lab.open({ sweepMs, lapseMs, ...options })
}

/**
 * Lets time pass for a runner; what it does meanwhile is answered before more passes: it renews what it holds, and
 * looks for dead pods.
 */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += lapseMs / 3) {
    await clock.advance(lapseMs / 3)
    await until(() => clock.pending(lapseMs / 3) === 2)
  }
}

/** Nobody has renewed it for a lapse. */
async function untilSilent(): Promise<void> {
  await until(async () => {
    const stale = await redisCommand(
      lab.server.port,
      'XPENDING',
      events,
      'runners',
      'IDLE',
      String(lapseMs),
      '-',
      '+',
      '1',
    )
    return stale.startsWith('*1')
  })
}

test('a runner takes nothing over that it holds itself, however long it could not say so', async () => {
  const clock = createManualClock()
  const runner = open({ clock }).runner('runner')
  await open().ingress('pod').admit({ partition, event: callEvent() })
  await pass(clock, 3 * lapseMs)
  const delivery = await readEvent(runner)
  await runner.park({ partition, runId: 'run', epoch: 1 }, {}, 0)
  await clock.advance(sweepMs)
  const { run } = await readResume(runner)
  const dueAt = Number(
    (await redisCommand(lab.server.port, 'ZSCORE', 'hooklet:{p3}:parked', 'run')).split('\r\n')[1],
  )
  await untilSilent()
  await until(async () => Date.now() > dueAt)
  await clock.advance(sweepMs)
  expect(await runner.read({ count: 10, blockMs: 0 })).toEqual([])
  expect(await runner.save(run, {})).toBe(true)
  await runner.acknowledge([delivery])
  expect(await redisCommand(lab.server.port, 'XLEN', events)).toBe(':0\r\n')
})

test('after Redis was away, who is silent counts as dead only when all had a lapse to renew', async () => {
  const event = callEvent()
  await open().ingress('pod').admit({ partition, event })
  await readEvent(open({ clock: createManualClock() }).runner('silent'))
  const clock = createManualClock()
  const runner = open({ clock }).runner('runner')
  await pass(clock, 2 * lapseMs)
  await lab.server.kill()
  await until(async () => !(await runner.ready()))
  await pass(clock, lapseMs / 3)
  await lab.server.start()
  await until(() => runner.ready())
  await untilSilent()
  for (let passed = 0; passed < lapseMs; passed += lapseMs / 3) {
    expect(await runner.read({ count: 10, blockMs: 0 })).toEqual([])
    await pass(clock, lapseMs / 3)
  }
  expect(await readEvent(runner)).toMatchObject({ event: { id: event.id }, deliveries: 2 })
})

test('the time of day does not matter to what a runner looks for', async () => {
  const clock = createManualClock()
  const runner = open({ clock }).runner('runner')
  expect(await runner.read({ count: 1, blockMs: 0 })).toEqual([])
  clock.set(clock.now() - 86_400_000)
  // It was told of it by nobody.
  await redisCommand(lab.server.port, 'DEL', 'hooklet:{p3}:idle')
  await open().ingress('pod').admit({ partition, event: callEvent() })
  await clock.advance(sweepMs)
  await readEvent(runner)
})

const consumers = async (): Promise<string> =>
  redisCommand(lab.server.port, 'XINFO', 'CONSUMERS', events, 'runners')

test('a runner that closes leaves no consumer behind, and what it held goes to the next at once', async () => {
  const ingress = open().ingress('pod')
  await ingress.admit({ partition, event: callEvent() })
  const first = open().runner('first-one')
  await readEvents(first, 1)
  expect(await consumers()).toContain('first-one')
  await first.close()
  expect(await consumers()).not.toContain('first-one')
  expect(await redisCommand(lab.server.port, 'SMEMBERS', 'hooklet:{p4}:idle')).not.toContain('first-one')
  // It need not wait for a lapse, of which its clock knows nothing.
  const second = open({ clock: createManualClock() }).runner('second-one')
  expect((await readEvent(second)).deliveries).toBe(2)
})

test('a runner that stops gets what it had asked for, and keeps it from nobody', async () => {
  const state = open({ partitions: 1, sweepMs: 600_000, commandTimeoutMs: 20_000 })
  const [ingress, runner] = [state.ingress('pod'), state.runner('runner')]
  await runner.ready()
  await ingress.admit({ partition: 0, event: callEvent() })
  const stop = new AbortController()
  lab.server.pause()
  const reading = runner.read({ count: 10, blockMs: 60_000, signal: stop.signal })
  stop.abort()
  expect(await reading).toEqual([])
  const last = runner.read({ count: 10, blockMs: 0, signal: stop.signal })
  lab.server.resume()
  expect(await last).toHaveLength(1)
})

test('consumers that died long ago are removed, unless they have something', async () => {
  const ingress = open().ingress('pod')
  await ingress.admit({ partition, event: callEvent() })
  const holder = open({ clock: createManualClock() }).runner('holder')
  await readEvent(holder)
  await redisCommand(lab.server.port, 'XGROUP', 'CREATECONSUMER', events, 'runners', 'dead')
  open({ consumerTtlMs: 1_200, lapseMs: 600_000 }).runner('runner')
  await until(async () => !(await consumers()).includes('dead'))
  expect(await consumers()).toContain('holder')
})

test('a call costs Redis three scripts with fifteen commands: at the door, at a runner, and when it is done', async () => {
  const state = open({ partitions: 1, sweepMs: 600_000, lapseMs: 600_000 })
  const [ingress, runner] = [state.ingress('pod'), state.runner('runner')]
  const throttle = { key: 'orders', requests: 1_000, windowMs: 60_000 }
  const call = async (): Promise<void> => {
    await ingress.admit({ partition: 0, throttle, event: callEvent() })
    await runner.acknowledge([await readEvent(runner)])
  }
  await call()
  await redisCommand(lab.server.port, 'CONFIG', 'RESETSTAT')
  for (let calls = 0; calls < 20; calls += 1) await call()
  const statistics = await redisCommand(lab.server.port, 'INFO', 'commandstats')
  const counts = new Map(
    [...statistics.matchAll(/cmdstat_([a-z]+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]),
  )
  expect(counts.get('evalsha')).toBe(60)
  counts.delete('evalsha')
  const commands = ['time', 'hincrby', 'hmget', 'lindex', 'lpush', 'pexpire', 'spop', 'xack', 'xadd', 'xdel']
  const expected = commands.concat('xreadgroup', 'zcard', 'zrangebyscore')
  // The time is asked for at the door and at the runner; the backlog is counted there and when it is done.
  expect(counts).toEqual(
    new Map(expected.map((name) => [name, ['time', 'hincrby'].includes(name) ? 40 : 20])),
  )
})

test('the replies of a batch cost Redis four commands each at most, and every place is given back', async () => {
  const state = open({ partitions: 1, sweepMs: 600_000, lapseMs: 600_000 })
  const [ingress, runner] = [state.ingress('pod'), state.runner('runner')]
  const replies = inbox(ingress)
  const throttle = { key: 'orders', requests: 1_000, windowMs: 60_000 }
  const size = 32
  await redisCommand(lab.server.port, 'CONFIG', 'RESETSTAT')
  const waiting = Array.from({ length: size }, () => waitingEvent(0))
  const places = waiting.map(({ reply }) => ({ key: 'orders', id: reply.id, limit: size }))
  const admissions = waiting.map((event, index) => {
    const lease = places[index]
    return { partition: 0, throttle, event, replyTtlMs: 60_000, ...(lease ? { lease } : {}) }
  })
  const verdicts = await Promise.all(admissions.map((admission) => ingress.admit(admission)))
  expect(verdicts).toEqual(verdicts.map(() => ({ kind: 'accepted' })))
  const taken = await readEvents(runner, size)
  const outcomes = await Promise.all(
    taken.map(({ event }) => runner.reply(addressOf(event), { kind: 'output', body: event.id })),
  )
  expect(outcomes).toEqual(outcomes.map(() => 'first'))
  await runner.acknowledge(taken)
  for (let each = 0; each < size; each += 1) await replies.next()
  await Promise.all(places.map((place) => ingress.release(0, place)))
  const statistics = await redisCommand(lab.server.port, 'INFO', 'commandstats')
  const counts = [...statistics.matchAll(/cmdstat_([a-z]+):calls=(\d+)/g)]
    .filter(([, name = '']) => !/evalsha|ping|info/.test(name))
    .map(([, , count]) => Number(count))
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(4 * size)
  expect(await redisCommand(lab.server.port, 'EXISTS', 'hooklet:{p0}:lease:orders')).toBe(':0\r\n')
})

test('events in flow are read without a script; a due run gets its turn, and a stream that is lost is read anew', async () => {
  const clock = createManualClock()
  const ingress = open({ partitions: 1 }).ingress('pod')
  const runner = open({ clock, partitions: 1, sweepMs: 600_000, lapseMs: 600_000 }).runner('runner')
  const sent = Array.from({ length: 60 }, () => callEvent({ body: Buffer.from([0xff, 0]) }))
  for (const event of sent) await ingress.admit({ partition: 0, event })
  const taken = await readEvents(runner, 10)
  await runner.park({ partition: 0, runId: 'run', epoch: 1 }, {}, 0)
  await redisCommand(lab.server.port, 'CONFIG', 'RESETSTAT')
  taken.push(...(await readEvents(runner, 10)))
  const statistics = await redisCommand(lab.server.port, 'INFO', 'commandstats')
  expect(statistics).toContain('cmdstat_xreadgroup:calls=1,')
  expect(statistics).not.toContain('cmdstat_evalsha')
  await clock.advance(50)
  const [resumed, ...others] = await runner.read({ count: 10, blockMs: 0 })
  expect(resumed).toMatchObject({ kind: 'resume', run: { runId: 'run', epoch: 2 } })
  expect(others).toHaveLength(9)
  taken.push(...(others as typeof taken), ...(await readEvents(runner, 31)))
  expect(taken.map(({ event }) => event)).toEqual(sent)
  await runner.acknowledge(taken)
  expect(await redisCommand(lab.server.port, 'XLEN', 'hooklet:{p0}:events')).toBe(':0\r\n')
  await redisCommand(lab.server.port, 'FLUSHALL')
  const event = callEvent()
  await ingress.admit({ partition: 0, event })
  expect((await readEvent(runner)).event.id).toBe(event.id)
})

test('a partition stays in flow when little comes; a runner that finds nothing there is woken by the next event', async () => {
  const clock = createManualClock()
  const ingress = open({ partitions: 1 }).ingress('pod')
  const runner = open({ clock, partitions: 1, sweepMs: 600_000, lapseMs: 600_000 }).runner('runner')
  const admit = (): Promise<unknown> => ingress.admit({ partition: 0, event: callEvent() })
  const calls = async (): Promise<string[]> => {
    const statistics = await redisCommand(lab.server.port, 'INFO', 'commandstats')
    await redisCommand(lab.server.port, 'CONFIG', 'RESETSTAT')
    return [...statistics.matchAll(/cmdstat_((?:xreadgroup|sadd):calls=\d+)/g)].map(([, name = '']) => name)
  }
  for (let sent = 0; sent < 11; sent += 1) await admit()
  await readEvents(runner, 8)
  await calls()
  await readEvents(runner, 3)
  expect(await calls()).toEqual(['xreadgroup:calls=1'])
  const waiting = runner.read({ count: 10, blockMs: 60_000 })
  await until(async () => (await redisCommand(lab.server.port, 'SCARD', 'hooklet:{p0}:idle')) === ':1\r\n')
  // The command by itself, and in the script that makes it known that this runner found nothing.
  expect((await calls()).toSorted()).toEqual(['sadd:calls=1', 'xreadgroup:calls=2'])
  await admit()
  expect(await waiting).toHaveLength(1)
  // Still in flow, so that the bodies of what it was woken for need not go through a script.
  expect(await calls()).toEqual(['xreadgroup:calls=1'])
  await clock.advance(50)
  await admit()
  await readEvents(runner, 1)
  const late = runner.read({ count: 10, blockMs: 60_000 })
  await until(async () => (await redisCommand(lab.server.port, 'SCARD', 'hooklet:{p0}:idle')) === ':1\r\n')
  // It is no more: no command goes before the script.
  expect((await calls()).toSorted()).toEqual(['sadd:calls=1', 'xreadgroup:calls=2'])
  await admit()
  expect(await late).toHaveLength(1)
})
