import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { followObjects, type ApiObject, type Following } from '../../kube/follow.ts'
import {
  json,
  startFakeApiServer,
  status,
  stream,
  type Answer,
  type FakeApiServer,
} from './fake-api-server.ts'

let server: FakeApiServer
let following: Following | undefined
const seen: string[] = []
const faults: string[] = []
let wake: () => void = () => undefined

beforeEach(async () => {
  server = await startFakeApiServer()
  seen.length = 0
  faults.length = 0
})
afterEach(async () => {
  await following?.close()
  await server.close()
})

const object = (name: string, resourceVersion: string) => ({
  metadata: { namespace: 'shop', name, resourceVersion },
})
const list = (resourceVersion: string, items: ApiObject[], more?: string): Answer =>
  json({ metadata: { resourceVersion, ...(more === undefined ? {} : { continue: more }) }, items })
const event = (type: string, value: object): string => `${JSON.stringify({ type, object: value })}\n`
const query = (index: number): URLSearchParams => new URLSearchParams(server.requests[index]?.split('?')[1])

function follow(options: { labelSelector?: string; metadataOnly?: boolean } = {}): Following {
  following = followObjects<ApiObject>({
    api: server.api,
    path: '/api/v1/things',
    sink: {
      put({ metadata }) {
        seen.push(`put ${metadata.name} ${metadata.resourceVersion}`)
        wake()
        if (metadata.name === 'broken') throw new Error('a broken thing')
      },
      remove({ namespace, name }) {
        seen.push(`remove ${namespace}/${name}`)
        wake()
      },
    },
    onFault: ({ message }) => {
      faults.push(message)
      wake()
    },
    random: () => 0,
    ...options,
  })
  return following
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    const { promise, resolve } = Promise.withResolvers<void>()
    wake = resolve
    await promise
  }
}

describe('following objects', () => {
  test('reads all pages, then watches from there, and is in sync only after the last page', async () => {
    server.answer(list('7', [object('a', '1')], 'next'))
    const { synced } = follow({ labelSelector: 'x=y' })
    let inSync = false
    void synced.then(() => (inSync = true))
    await until(() => seen.length === 1)
    expect(inSync).toBe(false)
    server.answer(list('7', [object('b', '2')]), stream([event('ADDED', object('c', '8'))]))
    await synced
    await until(() => seen.length === 3)
    expect(seen).toEqual(['put a 1', 'put b 2', 'put c 8'])
    expect(server.requests[0]).toBe('/base/api/v1/things?labelSelector=x%3Dy&limit=500')
    expect(query(1).get('continue')).toBe('next')
    expect(Object.fromEntries(query(2))).toMatchObject({
      watch: '1',
      resourceVersion: '7',
      labelSelector: 'x=y',
    })
    expect(following?.isWatching()).toBe(true)
  })

  test('takes events that come in pieces, and several in one piece', async () => {
    const events = event('ADDED', object('ä', '2')) + event('MODIFIED', object('ä', '3'))
    const gone = event('DELETED', object('ä', '4'))
    server.answer(list('1', []), stream([events.slice(0, 30), events.slice(30) + gone]))
    follow()
    await until(() => seen.length === 3)
    expect(seen).toEqual(['put ä 2', 'put ä 3', 'remove shop/ä'])
  })

  test('goes on after the last bookmark when a watch breaks, without a new list', async () => {
    server.answer(
      list('1', [object('a', '1')]),
      stream([event('BOOKMARK', { metadata: { resourceVersion: '40' } })], { end: true }),
      stream([event('MODIFIED', object('a', '41'))]),
    )
    follow()
    await until(() => seen.length === 2)
    expect(query(2).get('resourceVersion')).toBe('40')
    expect(server.requests).toHaveLength(3)
  })

  test.each([
    ['an answer', status(410, 'Expired')],
    ['an event', stream([event('ERROR', { kind: 'Status', code: 410, reason: 'Expired' })])],
  ])(
    'lists again when its version is too old, told by %s, and gives only what differs',
    async (_, expired) => {
      server.answer(
        list('1', [object('same', '1'), object('changed', '1'), object('gone', '1')]),
        expired,
        list('9', [object('same', '1'), object('changed', '8'), object('new', '9')]),
      )
      follow()
      await until(() => seen.length === 6)
      expect(seen.slice(3)).toEqual(['put changed 8', 'put new 9', 'remove shop/gone'])
      expect(faults).toEqual([])
    },
  )

  test('begins its list anew when a page is too old', async () => {
    server.answer(
      list('1', [object('a', '1')], 'next'),
      status(410, 'Expired'),
      list('5', [object('a', '1')]),
    )
    await follow().synced
    expect(query(2).get('continue')).toBeNull()
    expect(seen).toEqual(['put a 1'])
  })

  test('keeps what it knows while the API server fails, tells each fault, and waits as long as it is asked to', async () => {
    const begun = performance.now()
    server.answer(
      (request) => request.socket.destroy(),
      status(500, 'InternalError', {}, 'etcd is away'),
      status(429, 'TooManyRequests', { 'retry-after': '1' }, 'later'),
      list('1', [object('a', '1')]),
    )
    await follow().synced
    expect(performance.now() - begun).toBeGreaterThan(950)
    expect(faults.slice(1)).toEqual(['etcd is away', 'later'])
    expect(seen).toEqual(['put a 1'])
  })

  test('does not spin when watches end at once', async () => {
    server.answer(list('1', []), ...Array.from({ length: 4 }, () => stream([], { end: true })))
    follow()
    await until(() => faults.length === 4)
    expect(faults).toEqual(Array.from({ length: 4 }, () => 'the watch ended at once'))
  })

  test('goes on after an object that its taker refuses', async () => {
    server.answer(list('1', [object('broken', '1'), object('b', '1')]))
    await follow().synced
    expect(seen).toEqual(['put broken 1', 'put b 1'])
    expect(faults).toEqual(['a broken thing'])
  })

  test('asks for metadata only when told so', async () => {
    const accepts: (string | undefined)[] = []
    const noting =
      (answer: Answer): Answer =>
      (request, response) => {
        accepts.push(request.headers.accept)
        answer(request, response)
        wake()
      }
    // An API server has no empty list of metadata.
    server.answer(noting(json({ metadata: { resourceVersion: '1' }, items: null })), noting(stream([])))
    follow({ metadataOnly: true })
    await until(() => accepts.length === 2)
    expect(accepts[0]).toContain('as=PartialObjectMetadataList')
    expect(accepts[1]).toContain('as=PartialObjectMetadata;')
  })

  test('closed before the first list, it is never in sync', async () => {
    const { synced, close } = follow()
    await close()
    await expect(synced).rejects.toThrow('closed')
  })

  test('lists anew when asked to, however silent its watch is, and tells when that is done', async () => {
    server.answer(list('1', []), stream([event('ADDED', object('a', '2'))]))
    const { refresh } = follow()
    await until(() => seen.length === 1)
    server.answer(list('5', [object('a', '2'), object('b', '5')]))
    await refresh()
    expect(seen).toEqual(['put a 2', 'put b 5'])
    expect(faults).toEqual([])
    await following?.close()
    await expect(refresh()).rejects.toThrow('closed')
  })

  test('a refresh goes on trying, and ends with following', async () => {
    server.answer(list('1', []), stream([event('ADDED', object('a', '2'))]))
    const { refresh } = follow()
    await until(() => seen.length === 1)
    server.answer(status(500, 'InternalError'))
    const refreshed = refresh()
    await until(() => faults.length > 0)
    const rejected = expect(refreshed).rejects.toThrow('closed')
    await following?.close()
    await rejected
  })
})
