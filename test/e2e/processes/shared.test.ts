/** Three ingress and two runner processes behind a round robin are one Hooklet. */
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { hook, startFleet, WIDE } from './fleet.ts'
import type { Fleet } from './fleet.ts'

jest.setTimeout(60_000)

let fleet: Fleet
beforeAll(async () => {
  fleet = await startFleet({
    ingress: 3,
    runners: 2,
    manifests: [
      // A window that outlasts the burst on the busiest machine.
      ...hook('window', { limits: { rate: { requests: 100, window: '10m' } } }, [
        { nothing: { set: { a: 1 } } },
      ]),
      ...hook('waiting', { response: { mode: 'Reply' }, limits: { rate: WIDE.rate } }, [
        { sleep: { wait: { seconds: 3 } } },
        { answer: { call: 'reply', with: { body: 'woken' } } },
      ]),
      ...hook('echo', { response: { mode: 'Reply' }, limits: WIDE }, [
        { answer: { call: 'reply', with: { body: '${ {n: .body.n} }' } } },
      ]),
    ],
  })
})
afterAll(() => fleet?.close())

const burst = (webhook: string, calls: number): Promise<{ status: number; text: string }[]> =>
  Promise.all(Array.from({ length: calls }, (_, n) => fleet.call(webhook, { n }, n)))

test('L32 the window of 100 calls holds exactly over all of them', async () => {
  const answers = await burst('window', 300)
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(200)
})

test('L36 100 connections hold exactly over all of them', async () => {
  const answers = await burst('waiting', 150)
  expect(answers.filter(({ status, text }) => status === 200 && text === 'woken')).toHaveLength(100)
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(50)
  // Their places are free again.
  expect((await burst('waiting', 3)).map(({ text }) => text)).toEqual(['woken', 'woken', 'woken'])
})

test('1,000 replies of 1,000 reach the caller who waits for them', async () => {
  const wrong: unknown[] = []
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const n = round * 100 + index
        return { n, ...(await fleet.call('echo', { n }, n)) }
      }),
    )
    wrong.push(...answers.filter(({ n, text }) => text !== JSON.stringify({ n })))
  }
  expect(wrong).toEqual([])
})
