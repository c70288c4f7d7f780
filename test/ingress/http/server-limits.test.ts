/** The limits of the server: what is at the limit passes, what is one beyond it does not. */
import { afterEach, expect, test } from '@jest/globals'
import { DEFAULT_LIMITS } from '../../../ingress/http/limits.ts'
import { connectRaw } from '../raw.ts'
import type { RawConnection } from '../raw.ts'
import { createSites } from '../site.ts'
import { routeOf } from '../support.ts'

const sites = createSites()
afterEach(() => sites.end())

const route = routeOf('orders', { limits: { rate: { requests: 1000 } } })
const path = `/webhooks/${route.token}`

const get = (target: string, ...headers: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n')

/** The status of the answer to each. */
async function statuses(...requests: string[]): Promise<string[]> {
  const site = await sites.start({ routes: [route] })
  const seen: string[] = []
  for (const request of requests) {
    const connection = await connectRaw(site.port)
    connection.write(request)
    seen.push((await connection.until(/\}$/)).slice(9, 12))
    connection.destroy()
  }
  return seen
}

const longTarget = (bytes: number): string => `${path}/`.padEnd(bytes, 'x')

test('the request target: 8 KiB', async () => {
  const { urlBytes } = DEFAULT_LIMITS
  expect(await statuses(get(longTarget(urlBytes)), get(longTarget(urlBytes + 1)))).toEqual(['200', '414'])
})

test('the query parameters: 1,000', async () => {
  const query = (count: number): string => `${path}?${Array.from({ length: count }, (_, n) => n).join('&')}`
  const { queryParameters } = DEFAULT_LIMITS
  expect(await statuses(get(query(queryParameters)), get(query(queryParameters + 1)))).toEqual(['200', '414'])
})

test('the header lines: 128, with Host', async () => {
  const headers = (count: number): string[] => Array.from({ length: count - 1 }, (_, n) => `x${n}: y`)
  const { headerCount } = DEFAULT_LIMITS
  expect(await statuses(get(path, ...headers(headerCount)), get(path, ...headers(headerCount + 1)))).toEqual([
    '200',
    '431',
  ])
})

test('the header block: 16 KiB', async () => {
  const block = (bytes: number): string => {
    const empty = get(path, 'x: ')
    return get(path, `x: ${'y'.repeat(bytes - empty.length)}`)
  }
  const { headerBytes } = DEFAULT_LIMITS
  // The parser does not count the marks between names and values.
  expect(await statuses(block(headerBytes), block(headerBytes + 64))).toEqual(['200', '431'])
})

test('an idle connection is closed, one in use is not', async () => {
  const site = await sites.start({ routes: [route], limits: { keepAliveTimeoutMs: 50, timeoutCheckMs: 10 } })
  const connection = await connectRaw(site.port)
  connection.write(get(path))
  await connection.until(/success/)
  connection.write(get(path))
  expect((await connection.closed()).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
})

test('a connection on which nothing moves is cut', async () => {
  const waiting = routeOf('waiting', { response: { mode: 'Reply' } })
  const site = await sites.start({ routes: [waiting], limits: { idleTimeoutMs: 100 } })
  const connection = await connectRaw(site.port)
  connection.write(get(`/webhooks/${waiting.token}`))
  await site.nextEvent()
  expect(await connection.closed()).toBe('')
})

test('the open connections: one more is closed, and its place is taken again', async () => {
  const site = await sites.start({ routes: [route], limits: { connections: 2 } })
  const open = async (): Promise<[RawConnection, string]> => {
    const connection = await connectRaw(site.port)
    connection.write(get(path))
    return [connection, await connection.until(/success/).catch(() => 'closed')]
  }
  const [[first, a], [second, b], [, c]] = [await open(), await open(), await open()]
  expect([a.slice(9, 12), b.slice(9, 12), c]).toEqual(['200', '200', 'closed'])
  first.destroy()
  await first.closed()
  let answer = 'closed'
  // The server learns of the end when it learns of it.
  for (let tries = 0; answer === 'closed' && tries < 100; tries++) {
    const [connection, seen] = await open()
    answer = seen
    connection.destroy()
  }
  expect(answer.slice(9, 12)).toBe('200')
  second.destroy()
})
