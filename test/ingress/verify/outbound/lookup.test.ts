/** Looking names up at a real name server. */
import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { createGuardedGet, OutboundError } from '../../../../ingress/verify/outbound/client.ts'
import { createPublicLookup } from '../../../../ingress/verify/outbound/lookup.ts'
import { createIsPublic } from '../../../../ingress/verify/outbound/public-address.ts'
import { createManualClock } from '../../../support/manual-clock.ts'
import { startNameServer } from '../../../support/name-server.ts'
import type { NameServer } from '../../../support/name-server.ts'

const TIMEOUT_MS = 3_000
let server: NameServer
let clock = createManualClock()

beforeAll(async () => {
  server = await startNameServer({
    'both.example.com': ['192.0.2.1', '1.1.1.1', '10.0.0.1', 'fd00::1', '2606:4700::1111', '64:ff9b::a00:1'],
    'four.example.com': ['1.1.1.1'],
    'inside.example.com': ['10.0.0.1', '169.254.169.254', '::1'],
    'tarpit.example.com': 'silent',
  })
})
afterAll(() => server.close())
afterEach(() => {
  clock = createManualClock()
  server.asked.length = 0
})

const deps = () => ({
  clock,
  isPublic: createIsPublic(),
  timeoutMs: TIMEOUT_MS,
  nameServers: [server.address],
})

/** All addresses of the name, or the code of the failure. */
function addressesOf(name: string, family: 0 | 4 | 6 = 0): Promise<LookupAddress[] | string> {
  const lookup = createPublicLookup(deps())
  return new Promise((resolve) => {
    lookup(name, { all: true, family }, (error, addresses) => {
      resolve(error ? (error.code ?? '') : addresses)
    })
  })
}

test('gives those addresses of a name that are public', async () => {
  const addresses = (await addressesOf('both.example.com')) as LookupAddress[]
  expect(addresses.toSorted((a, b) => a.family - b.family)).toEqual([
    { address: '1.1.1.1', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ])
  expect(await addressesOf('both.example.com', 6)).toEqual([{ address: '2606:4700::1111', family: 6 }])
})

test('a name without addresses of the one family has those of the other', async () => {
  expect(await addressesOf('four.example.com')).toEqual([{ address: '1.1.1.1', family: 4 }])
})

test('gives one address where one is asked for', async () => {
  const lookup = createPublicLookup(deps())
  const found = await new Promise((resolve) => {
    lookup('four.example.com', { family: 'IPv4' }, (...answer) => resolve(answer))
  })
  expect(found).toEqual([null, '1.1.1.1', 4])
})

test('a name that leads inside is connected to nowhere, and one that there is not says so', async () => {
  expect(await addressesOf('inside.example.com')).toBe('ENOTPUBLIC')
  expect(await addressesOf('nowhere.example.com')).toBe('ENOTFOUND')
  const get = createGuardedGet({ clock, nameServers: [server.address] })
  const read = get(new URL('https://inside.example.com/'), { pool: 'webhook', tenant: 'shop' })
  await expect(read).rejects.toEqual(new OutboundError('no answer: ENOTPUBLIC', { definite: false }))
})

test('is asked for as it is: no search domain is tried', async () => {
  await addressesOf('nowhere.example.com')
  expect(new Set(server.asked)).toEqual(new Set(['nowhere.example.com']))
})

test('one that hangs is called off in time, and holds up no look-up of the process', async () => {
  const hanging = Array.from({ length: 16 }, () => addressesOf('tarpit.example.com'))
  await server.received(16)
  // The threads of the system's look-ups are free.
  expect((await systemLookup('localhost')).address).toBeTruthy()
  await clock.advance(TIMEOUT_MS)
  expect(new Set(await Promise.all(hanging))).toEqual(new Set(['ECANCELLED']))
})
