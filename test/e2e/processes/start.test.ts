/** A process that can't have all its addresses says so and ends, with nothing left open that holds it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { launchMember } from '../../support/member.ts'
import { startRedisServer } from '../../support/redis-server.ts'

jest.setTimeout(60_000)

test.each([
  ['ingress', 'HOOKLET_HEALTH_PORT'],
  ['ingress', 'HOOKLET_METRICS_PORT'],
  ['runner', 'HOOKLET_METRICS_PORT'],
] as const)('an %s whose %s is taken ends', async (role, setting) => {
  const artefacts = await mkdtemp(path.join(tmpdir(), 'hooklet-start-'))
  const redis = await startRedisServer()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const member = launchMember(role, {
    HOOKLET_ARTEFACTS: artefacts,
    HOOKLET_REDIS: redis.url,
    [setting]: String(port),
  })
  try {
    expect(await member.exited).toBe(1)
    expect(member.log()).toContain('EADDRINUSE')
  } finally {
    await member.kill()
    other.close()
    await redis.close()
    await rm(artefacts, { recursive: true })
  }
})
