import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { takePart, type Election, type LeaseTimes } from '../../kube/lease.ts'
import { startFakeApiServer, type Answer, type FakeApiServer } from './fake-api-server.ts'
import { until } from '../support/until.ts'

/** Short, and far apart from each other. */
const TIMES: LeaseTimes = { durationMs: 6_000, renewWithinMs: 2_500, retryMs: 50 }

interface Lease {
  metadata: { name: string; resourceVersion?: string }
  spec: { holderIdentity: string; leaseTransitions: number; renewTime: string }
}

let server: FakeApiServer
let lease: Lease | undefined
let version = 0
let elections: Election[]
let faults: string[]

beforeEach(async () => {
  server = await startFakeApiServer()
  lease = undefined
  elections = []
  faults = []
  server.answerAll(keepLease)
})
afterEach(async () => {
  await Promise.all(elections.map((election) => election.stop()))
  await server.close()
})

/** Keeps the lease as an API server does: a write that does not know the newest version is a conflict. */
const keepLease: Answer = (request, response) => {
  let text = ''
  request.on('data', (chunk: Buffer) => (text += chunk.toString()))
  request.on('end', () => {
    const answer = (code: number, body: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    if (request.method === 'GET') return lease ? answer(200, lease) : answer(404, { code: 404 })
    const written = JSON.parse(text) as Lease
    const known = lease?.metadata.resourceVersion
    const fits = request.method === 'POST' ? !lease : written.metadata.resourceVersion === known
    if (!fits) return answer(409, { code: 409 })
    lease = { ...written, metadata: { ...written.metadata, resourceVersion: String(++version) } }
    answer(200, lease)
  })
}

interface Candidate {
  election: Election
  /** Resolves when it leads, so often. */
  leads(times?: number): Promise<AbortSignal>
}

function candidate(identity: string, work?: (signal: AbortSignal) => Promise<void>): Candidate {
  const signals: AbortSignal[] = []
  let wake: () => void = () => undefined
  const election = takePart({
    api: server.api,
    namespace: 'own',
    name: 'leader',
    identity,
    times: TIMES,
    onFault: ({ message }) => faults.push(message),
    lead(signal) {
      signals.push(signal)
      wake()
      return work?.(signal) ?? aborted(signal)
    },
  })
  elections.push(election)
  return {
    election,
    async leads(times = 1) {
      while (signals.length < times) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await promise
      }
      return signals[times - 1] ?? AbortSignal.abort()
    },
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}

describe('leader election', () => {
  test('one leads and renews; given back on stop, the other leads at once', async () => {
    const first = candidate('one')
    await first.leads()
    const renewed = lease?.spec.renewTime
    const second = candidate('two')
    await until(() => lease?.spec.renewTime !== renewed)
    expect(lease?.spec.holderIdentity).toBe('one')
    expect([first.election.isLeader(), second.election.isLeader()]).toEqual([true, false])
    const begun = performance.now()
    await first.election.stop()
    await second.leads()
    expect(performance.now() - begun).toBeLessThan(TIMES.durationMs)
    expect(lease?.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 })
  })

  test('stopped in the middle of a renewal, it is given back all the same', async () => {
    const one = candidate('one')
    await one.leads()
    const { promise: renewing, resolve: seen } = Promise.withResolvers<() => void>()
    server.answerAll((request, response) => {
      if (request.method === 'PUT') seen(() => keepLease(request, response))
      else keepLease(request, response)
    })
    const renew = await renewing
    server.answerAll(keepLease)
    const stopped = one.election.stop()
    renew()
    await stopped
    expect(lease?.spec.holderIdentity).toBe('')
    expect(faults).toEqual([])
  })

  test('of a holder that is gone it is taken when it has not been renewed for as long as it holds, by the own clock', async () => {
    const spec = {
      holderIdentity: 'gone',
      leaseDurationSeconds: 1,
      // A clock that is far ahead makes nobody wait, or hurry.
      renewTime: '2099-01-01T00:00:00.000000Z',
      leaseTransitions: 4,
    }
    lease = { metadata: { name: 'leader', resourceVersion: '0' }, spec }
    const begun = performance.now()
    await candidate('new').leads()
    expect(performance.now() - begun).toBeGreaterThan(950)
    expect(lease.spec).toMatchObject({ holderIdentity: 'new', leaseTransitions: 5 })
  })

  test('who can not renew stops leading before the lease runs out, and leads again later', async () => {
    const one = candidate('one')
    const signal = await one.leads()
    const begun = performance.now()
    server.answerAll((request) => request.socket.destroy())
    await aborted(signal)
    expect(performance.now() - begun).toBeLessThan(TIMES.durationMs)
    expect(one.election.isLeader()).toBe(false)
    expect(faults).not.toEqual([])
    server.answerAll(keepLease)
    await one.leads(2)
  })

  test('an API server that does not answer is no reason to lead on', async () => {
    const one = candidate('one')
    const signal = await one.leads()
    const begun = performance.now()
    server.answerAll(() => undefined)
    await aborted(signal)
    expect(performance.now() - begun).toBeLessThan(TIMES.durationMs)
    server.answerAll(keepLease)
  })

  test('who finds another holder in the lease stops leading', async () => {
    const one = candidate('one')
    const signal = await one.leads()
    if (lease)
      lease = {
        metadata: { name: 'leader', resourceVersion: 'x' },
        spec: { ...lease.spec, holderIdentity: 'two' },
      }
    await aborted(signal)
    expect(lease?.spec.holderIdentity).toBe('two')
  })

  test('a lease that someone deleted is made again', async () => {
    const one = candidate('one')
    await one.leads()
    lease = undefined
    await until(() => lease?.spec.holderIdentity === 'one')
    expect(faults).toEqual([])
  })

  test('nobody else leads before the work of the former has ended', async () => {
    const working = Promise.withResolvers<void>()
    const one = candidate('one', () => working.promise)
    await one.leads()
    const stopping = one.election.stop()
    const two = candidate('two')
    await new Promise((resolve) => setTimeout(resolve, TIMES.retryMs * 3))
    expect(two.election.isLeader()).toBe(false)
    working.resolve()
    await stopping
    await two.leads()
  })
})
