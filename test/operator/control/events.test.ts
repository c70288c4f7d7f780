import { expect, test } from '@jest/globals'
import type { ApiServer } from '../../../kube/api-server.ts'
import { createEventRecorder } from '../../../operator/control/events.ts'

const occurrence = { type: 'Warning', reason: 'NotFound', action: 'Compile', note: 'it is gone' } as const
const regarding = (uid: string) => ({
  kind: 'Webhook' as const,
  metadata: { namespace: 'shop', name: 'orders', uid },
})

function stage() {
  const told: string[] = []
  let time = 0
  const api: ApiServer = {
    namespace: 'own',
    send: (request) => {
      told.push((request.body as { regarding: { uid: string } }).regarding.uid)
      return Promise.resolve({} as never)
    },
    open: () => Promise.reject(new Error('nobody opens')),
    close: () => undefined,
  }
  const recorder = createEventRecorder({
    instance: 'i',
    now: () => time,
    newSuffix: () => 'x',
    onFault: (error) => {
      throw error
    },
  })
  return {
    told,
    pass: (ms: number) => (time += ms),
    tell: (uid: string) => recorder.record(regarding(uid), occurrence, api),
  }
}

test('what flips all the time has 25 Events, and then one every five minutes; others have theirs', async () => {
  const { told, pass, tell } = stage()
  for (let nth = 0; nth < 100; nth++) await tell('flips')
  expect(told).toHaveLength(25)
  await tell('calm')
  expect(told.at(-1)).toBe('calm')
  pass(299_000)
  await tell('flips')
  expect(told).toHaveLength(26)
  pass(1_000)
  await tell('flips')
  await tell('flips')
  expect(told.slice(26)).toEqual(['flips'])
  pass(3_600_000)
  for (let nth = 0; nth < 100; nth++) await tell('flips')
  expect(told).toHaveLength(27 + 12)
})

test('only so many objects are remembered', async () => {
  const { told, tell } = stage()
  for (let nth = 0; nth < 25; nth++) await tell('first')
  for (let nth = 0; nth < 4096; nth++) await tell(`other-${nth}`)
  told.length = 0
  await tell('first')
  expect(told).toEqual(['first'])
})
