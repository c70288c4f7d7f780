/** A tenant whose runs take long, and others beside it, over real processes and a real Redis. */
import { randomUUID } from 'node:crypto'
import { afterEach, expect, jest, test } from '@jest/globals'
import { partitionOf } from '../../../ingress/routes/partition.ts'
import { redisCommand } from '../../support/redis-server.ts'
import { until } from '../../support/until.ts'
import { hook, startEffectServer, startFleet, WIDE } from './fleet.ts'
import type { EffectServer, Fleet } from './fleet.ts'

// Thousands of runs.
jest.setTimeout(120_000)

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const PARTITIONS = 4
/** As many as one Webhook has of the 40 of each runner. */
const SHARE = 32

/** By the window of its rate. */
const partitionOfWebhook = (name: string): number => partitionOf(`webhook:default/${name}`, PARTITIONS)

/** A Webhook in the partition of the other. */
function neighbourOf(name: string): string {
  for (;;) {
    const neighbour = `quick-${randomUUID().slice(0, 8)}`
    if (partitionOfWebhook(neighbour) === partitionOfWebhook(name)) return neighbour
  }
}

async function stage(runners: number): Promise<{ fleet: Fleet; server: EffectServer; quick: string }> {
  const server = await startEffectServer(0, { held: true })
  cleanup.push(() => server.close())
  const quick = neighbourOf('slow')
  const effect = {
    call: 'http',
    timeout: { after: { minutes: 10 } },
    with: { method: 'post', endpoint: `${server.url}/slow`, body: { n: '${ $workflow.input.body.n }' } },
  }
  const fleet = await startFleet({
    ingress: 1,
    runners,
    env: { HOOKLET_CONCURRENCY: '40', HOOKLET_PARTITIONS: String(PARTITIONS) },
    manifests: [
      ...hook('slow', { limits: WIDE }, [{ effect }]),
      ...hook(quick, { limits: WIDE, response: { mode: 'Reply' } }, [
        { answer: { call: 'reply', with: { body: '${ {n: $workflow.input.body.n} }' } } },
      ]),
    ],
  })
  cleanup.push(() => fleet.close())
  return { fleet, server, quick }
}

const sequence = (length: number): number[] => Array.from({ length }, (_, n) => n)

async function callAll(fleet: Fleet, webhook: string, numbers: number[]): Promise<void> {
  for (let from = 0; from < numbers.length; from += 100) {
    const some = numbers.slice(from, from + 100)
    const answers = await Promise.all(some.map((n) => fleet.call(webhook, { n }, n)))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  }
}

test('3,000 runs that wait for a slow server keep no reply of another Webhook waiting, in the same partition', async () => {
  const { fleet, server, quick } = await stage(2)
  await callAll(fleet, 'slow', sequence(3_000))
  // All that one Webhook may have of two runners; they come to no end.
  await until(() => server.effects.length === 2 * SHARE)
  // They wait before whatever comes to the other one.
  const events = `hooklet:{p${partitionOfWebhook(quick)}}:events`
  expect(await redisCommand(fleet.redis.port, 'XLEN', events)).toBe(':3000\r\n')
  for (const n of sequence(200)) {
    const { status, text } = await fleet.call(quick, { n }, n)
    expect([status, text]).toEqual([200, JSON.stringify({ n })])
  }
  expect(server.effects).toHaveLength(2 * SHARE)
  server.release()
  await server.reached('slow', 3_000)
  // Each once.
  expect(server.effects).toHaveLength(3_000)
})
