/** What is kept of callers who wait, and for how long. */
import { expect, test } from '@jest/globals'
import type { Admission, IngressState, RunnerState } from '../../state/state.ts'
import { longId } from '../../state/redis/keys.ts'
import { replyIdOf } from '../../state/reply-id.ts'
import { addressOf, inbox, waitingEvent } from '../contract/harness.ts'
import { redisCommand } from '../support/redis-server.ts'
import { until } from '../support/until.ts'
import { redisLab } from './redis-lab.ts'

const partition = 3
const lab = redisLab([])

/** A UUIDv7 of that time. */
function idAt(ms: number, nth: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return replyIdOf(
    partition,
    `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(nth).padStart(12, '0')}`,
  )
}

/** 256 times a whole number, so that as many milliseconds later belong to it. */
const start = 0x19_3a7_c21_f00

const redis = async (...command: string[]): Promise<string> =>
  (await redisCommand(lab.server.port, ...command)).trimEnd()

/** The keys that begin with this in the partition. */
async function keysOf(kind: string): Promise<string[]> {
  const answer = await redis('KEYS', `hooklet:{p3}:${kind}:*`)
  return answer.split('\r\n').filter((line) => line.startsWith('hooklet:'))
}

async function leftMs(key: string | undefined): Promise<number> {
  return Number((await redis('PTTL', key ?? '')).slice(1))
}

interface Pod {
  ingress: IngressState
  runner: RunnerState
  admit(id: string, part?: Partial<Admission>): Promise<ReturnType<typeof addressOf>>
}

function open(sweepMs = 600_000): Pod {
  const state = lab.open({ sweepMs, lapseMs: 600_000 })
  const ingress = state.ingress('pod')
  return {
    ingress,
    runner: state.runner('runner'),
    async admit(id, part = {}) {
      const event = { ...waitingEvent(partition), reply: { id, mode: 'Reply' as const } }
      expect(await ingress.admit({ partition, event, replyTtlMs: 60_000, ...part })).toEqual({
        kind: 'accepted',
      })
      return addressOf(event)
    },
  }
}

test('replies opened in the same quarter of a second share a hash, which ends when the last of them does', async () => {
  const { admit } = open()
  await admit(idAt(start, 1), { replyTtlMs: 30_000 })
  const [first] = await keysOf('replies')
  await admit(idAt(start + 100, 2), { replyTtlMs: 60_000 })
  await Promise.all([3, 4, 5].map((nth) => admit(idAt(start + 255, nth), { replyTtlMs: 10_000 })))
  expect(await keysOf('replies')).toEqual([first])
  expect(await redis('HLEN', first ?? '')).toBe(':5')
  expect(await leftMs(first)).toBeGreaterThan(30_000)
  expect(await leftMs(first)).toBeLessThanOrEqual(60_000)
  await admit(idAt(start + 256, 6))
  expect(await keysOf('replies')).toHaveLength(2)
  // Nothing else is left when a pod dies.
  expect(await keysOf('reply')).toEqual([])
})

test('of replies in one batch that share a hash or not, each has its own outcome', async () => {
  const { ingress, runner, admit } = open()
  const replies = inbox(ingress)
  const to = [
    await admit(idAt(start, 1)),
    await admit(idAt(start + 256, 2)),
    await admit(idAt(start, 3)),
    await admit(idAt(start, 4), {
      once: { key: 'delivery', fingerprint: '', ttlMs: 86_400_000, retryFailed: false },
    }),
  ]
  const [one, two, three, four] = to as [(typeof to)[0], (typeof to)[0], (typeof to)[0], (typeof to)[0]]
  await ingress.closeReply(partition, three.replyId)
  const addresses = [one, two, one, { ...two, namespace: 'other' }, three, four, two, four]
  const unknown = { ...one, replyId: idAt(start, 9) }
  expect(
    await Promise.all([...addresses, unknown].map((address) => runner.reply(address, { kind: 'ended' }))),
  ).toEqual(['first', 'first', 'late', 'gone', 'late', 'first', 'late', 'late', 'gone'])
  const received = await Promise.all([1, 2, 3].map(() => replies.next()))
  expect(received.map(({ replyId }) => replyId).toSorted()).toEqual(
    [one, two, four].map(({ replyId }) => replyId).toSorted(),
  )
})

test('a reply that is remembered for long keeps no other', async () => {
  const { admit } = open()
  const once = { key: 'delivery', fingerprint: '', ttlMs: 86_400_000, retryFailed: false }
  await admit(idAt(start, 1))
  await admit(idAt(start, 2), { once })
  const [shared] = await keysOf('replies')
  expect(await redis('HLEN', shared ?? '')).toBe(':1')
  expect(await leftMs(shared)).toBeLessThanOrEqual(60_000)
  const [own] = await keysOf('reply')
  expect(await leftMs(own)).toBeGreaterThan(60_000)
})

test('which of several runs have ended is kept longer than a caller waits, and not for long; of a single run nothing is', async () => {
  const { ingress, runner, admit } = open()
  const replies = inbox(ingress)
  const several = await admit(idAt(start, 1), { replyTtlMs: 30_000 })
  await runner.settle(several, { runId: 'one', failed: false, total: 2 })
  const [counted] = await keysOf('reply')
  expect(await leftMs(counted)).toBeGreaterThan(60_000)
  expect(await leftMs(counted)).toBeLessThanOrEqual(300_000)
  await runner.settle(several, { runId: 'two', failed: true, total: 2 })
  expect(await replies.next()).toEqual({ replyId: several.replyId, message: { kind: 'failed' } })
  const single = await admit(idAt(start, 2))
  await runner.settle(single, { runId: 'one', failed: false, total: 1 })
  expect(await replies.next()).toEqual({ replyId: single.replyId, message: { kind: 'ended' } })
  expect(await keysOf('reply')).toEqual([counted])
})

test('places and open replies are found without reading all others, however few there are', async () => {
  const { admit } = open()
  const id = idAt(start, 1)
  await admit(id, { lease: { key: 'orders', id, limit: 10 } })
  const encodings = [...(await keysOf('lease')), ...(await keysOf('replies'))].map((key) =>
    redis('OBJECT', 'ENCODING', key),
  )
  expect(await Promise.all(encodings)).toEqual(['$8\r\nskiplist', '$9\r\nhashtable'])
})

test('an id with blanks is none of a reply', async () => {
  const { runner, admit } = open()
  const address = await admit(idAt(start, 1))
  for (const replyId of [`${address.replyId} `, ` ${address.replyId}`, `${address.replyId}\n`, '3.a b'])
    expect(await runner.reply({ ...address, replyId }, { kind: 'ended' })).toBe('gone')
  expect(await runner.reply(address, { kind: 'ended' })).toBe('first')
})

const answers = 'hooklet:{p3}:answers:hooklet:replies:pod'

test('answers are kept together until their pod has them, and those that it has missed are fetched', async () => {
  const { ingress, runner, admit } = open(100)
  const replies = inbox(ingress)
  const count = 120
  const addresses = []
  for (let nth = 0; nth < count; nth += 1) addresses.push(await admit(idAt(start, nth)))
  await runner.ready()
  await redis('CLIENT', 'KILL', 'TYPE', 'pubsub')
  // Each in a script of its own: more than are fetched at a time.
  for (const [nth, address] of addresses.entries())
    expect(await runner.reply(address, { kind: 'output', body: nth })).toBe('first')
  const received = []
  while (received.length < count) received.push(await replies.next())
  expect(new Map(received.map(({ replyId, message }) => [replyId, message]))).toEqual(
    new Map(addresses.map(({ replyId }, body) => [replyId, { kind: 'output', body }])),
  )
  await until(async () => (await redis('EXISTS', answers)) === ':0')
  expect(replies.received).toHaveLength(count)
})

test('an answer that was missed is not kept when its caller has gone', async () => {
  const { ingress, admit } = open(100)
  const replies = inbox(ingress)
  const { replyId } = await admit(idAt(start, 1))
  await ingress.closeReply(partition, replyId)
  // As a script leaves it whose publication has reached nobody.
  await redis('HSET', answers, longId(replyId), `${longId(replyId)}\n{"kind":"ended"}`)
  await admit(idAt(start, 2))
  await until(async () => (await redis('EXISTS', answers)) === ':0')
  expect(replies.received).toEqual([])
})
