import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createApiServer, MERGE_PATCH } from '../../kube/api-server.ts'
import { ApiError, isConflict, isExpired, isNotFound } from '../../kube/error.ts'
import { resourcePath, SECRETS } from '../../kube/paths.ts'
import { json, startFakeApiServer, status, stream, type FakeApiServer } from './fake-api-server.ts'

let server: FakeApiServer
beforeEach(async () => void (server = await startFakeApiServer()))
afterEach(() => server.close())

describe('a request to the API server', () => {
  test('says who asks, and what, over one connection', async () => {
    const told: object[] = []
    const ports = new Set<number | undefined>()
    for (let i = 0; i < 3; i++)
      server.answer((request, response) => {
        ports.add(request.socket.remotePort)
        const { authorization, 'content-type': type, 'user-agent': agent } = request.headers
        let body = ''
        request.on('data', (chunk: Buffer) => (body += chunk.toString()))
        request.on('end', () => {
          told.push({ method: request.method, authorization, type, agent, body })
          json({ ok: true })(request, response)
        })
      })
    const patch = { method: 'PATCH', path: '/api/v1/x', body: { a: 'ü' }, contentType: MERGE_PATCH } as const
    for (let i = 0; i < 3; i++) expect(await server.api.send(patch)).toEqual({ ok: true })
    expect(told[2]).toEqual({
      method: 'PATCH',
      authorization: 'Bearer the-token',
      type: 'application/merge-patch+json',
      agent: 'hooklet-test',
      body: '{"a":"ü"}',
    })
    expect(ports.size).toBe(1)
    expect(server.api.namespace).toBe('own')
  })

  test.each<[number, string, (error: unknown) => boolean]>([
    [404, 'NotFound', isNotFound],
    [409, 'AlreadyExists', isConflict],
    [410, 'Expired', isExpired],
  ])('answered %d is an error that says so', async (code, reason, is) => {
    server.answer(status(code, reason, {}, 'for this reason'))
    const error: unknown = await server.api.send({ method: 'GET', path: '/' }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(ApiError)
    expect(is(error)).toBe(true)
    expect(error).toMatchObject({ status: code, reason, message: 'for this reason' })
  })

  test('with an answer that is not JSON, that breaks off, or that does not come, fails', async () => {
    server.answer((_, response) => void response.writeHead(502).end('<html>'))
    await expect(server.api.send({ method: 'GET', path: '/' })).rejects.toMatchObject({ status: 502 })
    server.answer((_, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('{"half":')
      response.socket?.destroySoon()
    })
    await expect(server.api.send({ method: 'GET', path: '/' })).rejects.toThrow(/aborted|broke off/)
    await expect(server.api.send({ method: 'GET', path: '/', timeoutMs: 20 })).rejects.toThrow(
      /abort|timeout/i,
    )
    await expect(server.api.open({ method: 'GET', path: '/', timeoutMs: 20 })).rejects.toThrow(/abort|time/i)
  })

  test('that opens a stream is bounded in time for its head only', async () => {
    server.answer(stream(['first']))
    const body = await server.api.open({ method: 'GET', path: '/', timeoutMs: 5_000 })
    const [chunk] = (await body.take(1).toArray()) as Buffer[]
    expect(chunk?.toString()).toBe('first')
  })

  test('needs a cluster in the kubeconfig', () => {
    expect(() => createApiServer({ kubeconfig: '/dev/null', userAgent: 'x' })).toThrow()
  })
})

test('paths name the resource, its namespace and its parts', () => {
  const leases = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' }
  expect(resourcePath(SECRETS)).toBe('/api/v1/secrets')
  expect(resourcePath(leases, { namespace: 'a', name: 'b', subresource: 'status' })).toBe(
    '/apis/coordination.k8s.io/v1/namespaces/a/leases/b/status',
  )
  expect(resourcePath(SECRETS, { namespace: 'a', name: '../x' })).toBe('/api/v1/namespaces/a/secrets/..%2Fx')
})
