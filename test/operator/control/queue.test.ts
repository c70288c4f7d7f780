import { afterEach, describe, expect, test } from '@jest/globals'
import { ApiError } from '../../../kube/error.ts'
import { createWorkQueue, type WorkQueue, type WorkQueueOptions } from '../../../operator/control/queue.ts'

let queue: WorkQueue
afterEach(() => queue.stop())

/** A queue whose work ends when the test says so. */
function manual(options: Partial<WorkQueueOptions> = {}) {
  const begun: string[] = []
  const underWay: { key: string; end: (error?: Error) => void }[] = []
  const failures: string[] = []
  let wake: () => void = () => undefined
  queue = createWorkQueue({
    work(key) {
      begun.push(key)
      return new Promise((resolve, reject) => {
        underWay.push({ key, end: (error) => (error ? reject(error) : resolve()) })
        wake()
      })
    },
    parallelism: 2,
    random: () => 0,
    onFailure: (key, { failures: count, retryMs }) => failures.push(`${key} ${count} ${retryMs}`),
    ...options,
  })
  return {
    begun,
    failures,
    /** Ends the oldest work under way. */
    async end(error?: Error) {
      while (underWay.length === 0)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      const { key, end } = underWay.shift() ?? { key: '', end: () => undefined }
      end(error)
      await new Promise((resolve) => setImmediate(resolve))
      return key
    },
  }
}

describe('the work queue', () => {
  test('works on each key once, however often it was added, and on so many at the same time', async () => {
    const { begun, end } = manual()
    for (const key of ['a', 'b', 'c', 'c', 'c']) queue.add(key)
    expect(begun).toEqual(['a', 'b'])
    for (let i = 0; i < 3; i++) await end()
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  test('works on a key again that is added while it is under way, never twice at the same time', async () => {
    const { begun, end } = manual()
    queue.add('a')
    queue.add('a')
    queue.add('a')
    expect(begun).toEqual(['a'])
    await end()
    expect(begun).toEqual(['a', 'a'])
    await end()
    expect(begun).toEqual(['a', 'a'])
    await queue.idle()
  })

  test('takes what is asked for soon before what is asked for later, also when that asks again', async () => {
    const { begun, end } = manual({ parallelism: 1 })
    queue.add('first')
    for (const key of ['l1', 'l2', 'l3']) queue.add(key, 'later')
    queue.add('s1')
    queue.add('l3', 'soon')
    queue.add('s1', 'later')
    for (let i = 0; i < 5; i++) await end()
    expect(begun).toEqual(['first', 's1', 'l3', 'l1', 'l2'])
    await queue.idle()
  })

  test('tries again what failed, after pauses that grow, and at once when it is added', async () => {
    const { begun, failures, end } = manual()
    queue.add('a')
    await end(new Error('x'))
    await end(new Error('x'))
    await end(new Error('x'))
    expect(failures).toEqual(['a 1 25', 'a 2 50', 'a 3 100'])
    queue.add('a')
    expect(begun).toHaveLength(4)
    await end()
    queue.add('a')
    await end(new Error('x'))
    // After a success it begins anew.
    expect(failures.at(-1)).toBe('a 1 25')
    queue.add('b')
    await end(new ApiError({ status: 429, reason: 'TooManyRequests', message: 'later', retryAfterMs: 7_000 }))
    expect(failures.at(-1)).toBe('b 1 7000')
  })

  test('is idle when nothing is queued or under way, whoever asks, and however often work was added again', async () => {
    const { end } = manual()
    const seen: string[] = []
    queue.add('a')
    const early = queue.idle().then(() => seen.push('early'))
    queue.add('a')
    await end()
    expect(seen).toEqual([])
    const late = queue.idle().then(() => seen.push('late'))
    await end()
    await Promise.all([early, late])
    await queue.idle()
    expect(seen.toSorted()).toEqual(['early', 'late'])
  })

  test('stopped, it takes up nothing and waits for what is under way', async () => {
    const { begun, failures, end } = manual({ parallelism: 1 })
    queue.add('a')
    queue.add('b')
    let stopped = false
    const stopping = queue.stop().then(() => (stopped = true))
    queue.add('c')
    await new Promise((resolve) => setImmediate(resolve))
    expect(stopped).toBe(false)
    await end(new Error('x'))
    await stopping
    expect(begun).toEqual(['a'])
    expect(failures).toEqual([])
  })

  test('goes through 100,000 keys at a cost that does not grow with their number', async () => {
    const seen = new Set<string>()
    queue = createWorkQueue({
      work: (key) => Promise.resolve(void seen.add(key)),
      parallelism: 32,
      random: () => 0,
      onFailure: () => undefined,
    })
    for (let i = 0; i < 100_000; i++) queue.add(`k${i}`, i % 2 === 0 ? 'soon' : 'later')
    await queue.idle()
    expect(seen.size).toBe(100_000)
  })
})
