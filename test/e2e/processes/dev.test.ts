/** `hooklet dev --redis`: several of them on one Redis are one Hooklet. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { startFolder } from '../../support/dev.ts'
import type { ServedFolder } from '../../support/dev.ts'
import { startRedisServer } from '../../support/redis-server.ts'

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

const examples = path.join(import.meta.dirname, '../../../examples')

test('they share limits and answer with replies of the run', async () => {
  const redis = await startRedisServer()
  cleanup.push(() => redis.close())
  const stateDir = await mkdtemp(path.join(tmpdir(), 'hooklet-shared-'))
  cleanup.push(() => rm(stateDir, { recursive: true }))
  const servers: ServedFolder[] = []
  for (let nth = 0; nth < 2; nth++) {
    const server = await startFolder(examples, { redis: redis.url, stateDir })
    cleanup.push(() => server.stop())
    servers.push(server)
  }
  const call = async (webhook: string, nth: number): Promise<{ status: number; text: string }> => {
    const response = await fetch(servers[nth % 2]?.placeholder(webhook) ?? '')
    return { status: response.status, text: await response.text() }
  }

  // Three calls in any ten seconds, whichever of the two takes them.
  const throttled = []
  for (let nth = 0; nth < 5; nth++) throttled.push((await call('throttled', nth)).status)
  expect(throttled).toEqual([200, 200, 200, 429, 429])

  const greetings = await Promise.all(Array.from({ length: 20 }, (_, nth) => call('hello', nth)))
  for (const { status, text } of greetings)
    expect({ status, text }).toEqual({ status: 200, text: '{"message":"Hello, world!"}' })
})
