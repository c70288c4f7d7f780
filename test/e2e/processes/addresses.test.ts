/**
 * Where there is IPv6 only, or both families: processes listen on all addresses, and find Redis by an IPv6
 * address.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { networkInterfaces, tmpdir } from 'node:os'
import path from 'node:path'
import { expect, jest, test } from '@jest/globals'
import { startRedisServer } from '../../support/redis-server.ts'
import type { Member } from '../../support/member.ts'
import { startMember } from '../../support/member.ts'

jest.setTimeout(60_000)

const families = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address))
const testBoth = families.includes('::1') ? test : test.skip

testBoth('processes are reached over IPv6 and IPv4, and reach Redis over IPv6', async () => {
  const artefacts = await mkdtemp(path.join(tmpdir(), 'hooklet-addresses-'))
  const redis = await startRedisServer(['--bind', '::1'])
  const members: Member[] = []
  try {
    const env = {
      HOOKLET_HOST: '',
      HOOKLET_METRICS_PORT: '0',
      HOOKLET_ARTEFACTS: artefacts,
      HOOKLET_REDIS: `redis://[::1]:${redis.port}`,
    }
    const statusOf = async (host: string, url: string): Promise<number> =>
      (await fetch(url.replace('127.0.0.1', host))).status
    for (const role of ['ingress', 'runner'] as const) {
      const member = await startMember(role, env)
      members.push(member)
      const { metricsPort } = JSON.parse(member.log().split('\n').at(-1) ?? '') as { metricsPort: number }
      for (const host of ['[::1]', '127.0.0.1']) {
        expect(await statusOf(host, `${member.probes}/healthz`)).toBe(200)
        // It is ready only with Redis.
        expect(await statusOf(host, `${member.probes}/readyz`)).toBe(200)
        expect(await statusOf(host, `http://127.0.0.1:${metricsPort}/metrics`)).toBe(200)
        if (role === 'ingress') expect(await statusOf(host, `${member.url}/webhooks/unknown`)).toBe(404)
      }
    }
  } finally {
    await Promise.all(members.map((member) => member.kill()))
    await redis.close()
    await rm(artefacts, { recursive: true })
  }
})
