import { afterEach, describe, expect, test } from '@jest/globals'
import type { ProxyTrust } from '../../../ingress/http/client-address.ts'
import { parseNetworks } from '../../../process/config.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const hook = routeOf('hook')
const nearby = ['127.0.0.0/8', '10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7']

async function clientOf(proxies: ProxyTrust, headers: Record<string, string>): Promise<string> {
  const site = await sites.start({ routes: [hook], proxies })
  expect((await site.call(hook, '', { headers })).status).toBe(200)
  return (await site.nextEvent()).clientIP
}

describe('the caller', () => {
  test.each<[string, string[], string, string]>([
    ['is the peer, whatever it says, when no proxy is trusted', [], '198.51.100.1', '127.0.0.1'],
    ['is the peer, when it is not the trusted proxy', ['10.0.0.0/8'], '198.51.100.1', '127.0.0.1'],
    ['is whom the trusted proxy names', nearby, '198.51.100.1', '198.51.100.1'],
    [
      'is the last who is no proxy; what stands before is his own word',
      nearby,
      '203.0.113.9, 198.51.100.1, 10.1.2.3, 192.0.2.7',
      '198.51.100.1',
    ],
    ['is the first proxy, when there are only proxies', nearby, '10.1.2.3, 10.9.9.9', '10.1.2.3'],
    ['may have an IPv6 address', nearby, '2001:DB8:2::1, 2001:db8:1::5', '2001:db8:2::1'],
    ['may be named with a port', nearby, '198.51.100.1:4711', '198.51.100.1'],
    ['may be named with brackets and port', nearby, '[2001:db8:2::1]:4711', '2001:db8:2::1'],
    ['loses the prefix of a mapped address', nearby, '::ffff:198.51.100.1', '198.51.100.1'],
    ['is the proxy, when that names nobody', nearby, 'unknown', '127.0.0.1'],
    [
      'is the last proxy that is known, when what is before it is no address',
      nearby,
      '198.51.100.1, <script>, 10.1.2.3',
      '10.1.2.3',
    ],
    ['is the proxy, when the header is empty', nearby, '', '127.0.0.1'],
  ])('%s', async (_, networks, forwarded, client) => {
    const headers = {
      'X-Forwarded-For': forwarded,
      Forwarded: 'for=203.0.113.50',
      'X-Real-IP': '203.0.113.51',
    }
    expect(await clientOf({ networks, header: 'X-Forwarded-For' }, headers)).toBe(client)
  })

  test.each<[string, string]>([
    ['for=198.51.100.1;proto=https;by=10.0.0.1', '198.51.100.1'],
    ['for="[2001:db8:2::1]:4711"', '2001:db8:2::1'],
    ['by=10.0.0.1; FOR="198.51.100.1:80", For=10.1.2.3', '198.51.100.1'],
    ['for=203.0.113.9, for=_hidden, for=10.1.2.3', '10.1.2.3'],
    ['proto=https', '127.0.0.1'],
    ['host="for=203.0.113.9"', '127.0.0.1'],
  ])('Forwarded: %s', async (forwarded, client) => {
    const headers = { Forwarded: forwarded, 'X-Forwarded-For': '203.0.113.50' }
    expect(await clientOf({ networks: nearby, header: 'Forwarded' }, headers)).toBe(client)
  })
})

describe('the throttle per caller', () => {
  const limits = { rate: { requests: 2, per: 'ClientIP' } } as const

  test('can not be dodged by a header of the caller', async () => {
    const site = await sites.start({ routes: [routeOf('hook', { limits })] })
    const statuses: number[] = []
    for (const host of [1, 2, 3])
      statuses.push(
        (await site.call(hook, '', { headers: { 'X-Forwarded-For': `198.51.100.${host}` } })).status,
      )
    expect(statuses).toEqual([200, 200, 429])
  })

  test('counts behind a trusted proxy by whom that names, and an IPv6 network of 64 bits as one', async () => {
    const proxies: ProxyTrust = { networks: ['127.0.0.1'], header: 'X-Forwarded-For' }
    const site = await sites.start({ routes: [routeOf('hook', { limits })], proxies })
    const call = async (client: string) =>
      (await site.call(hook, '', { headers: { 'X-Forwarded-For': `203.0.113.1, ${client}` } })).status
    expect([await call('198.51.100.1'), await call('198.51.100.1'), await call('198.51.100.1')]).toEqual([
      200, 200, 429,
    ])
    expect(await call('198.51.100.2')).toBe(200)
    expect([
      await call('2001:db8::1'),
      await call('2001:db8::2:3'),
      await call('2001:db8:0:0:ffff::9'),
    ]).toEqual([200, 200, 429])
    expect(await call('2001:db8:0:1::1')).toBe(200)
  })
})

describe('the configuration of proxies', () => {
  test('takes addresses and networks', () => {
    expect(parseNetworks(' 10.0.0.0/8 ,2001:db8::/32,192.0.2.1,')).toEqual([
      '10.0.0.0/8',
      '2001:db8::/32',
      '192.0.2.1',
    ])
  })

  test.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    'proxy.example.com',
    '10.0.0.0/8/8',
    '2001:db8::/129',
    '10.0.0/8',
    '10.0.0.0/-1',
  ])('refuses %s', (value) => {
    expect(() => parseNetworks(value)).toThrow('must be addresses and CIDR networks')
  })
})
