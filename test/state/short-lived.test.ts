import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createDeadlines } from '../../state/deadlines.ts'
import type { Deadline } from '../../state/deadlines.ts'
import { createInFlight } from '../../state/in-flight.ts'
import { createCollector } from '../../state/redis/collect.ts'
import { ShortLivedMap } from '../../state/short-lived-map.ts'

test('a short-lived map is a map', () => {
  const change = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    value: fc.option(fc.nat(), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const map = new ShortLivedMap<number>()
      const model = new Map<string, number>()
      for (const { key, value } of changes) {
        if (value === undefined) expect(map.delete(key)).toBe(model.delete(key))
        else {
          map.set(key, value)
          model.set(key, value)
        }
        expect(map.get(key)).toBe(model.get(key))
        expect(map.size).toBe(model.size)
        expect([...map.entries()]).toEqual([...model])
      }
    }),
  )
})

describe('work in flight', () => {
  test('is over when all of it has ended, however', async () => {
    const work = createInFlight()
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await work.settled()
    work.track(first.promise)
    work.track(second.promise)
    let over = false
    const settled = work.settled().then(() => (over = true))
    first.reject(new Error('failed'))
    await first.promise.catch(() => {})
    expect([work.size, over]).toEqual([1, false])
    second.resolve()
    await settled
    expect(work.size).toBe(0)
  })
})

/** A clock that a test sets forward, while somebody sets the time of day back. */
function handClock() {
  const timers: { at: number; callback: () => void }[] = []
  let time = 1_000
  return {
    now: () => -time,
    monotonic: () => time,
    setTimer(callback: () => void, delayMs: number) {
      const timer = { at: time + delayMs, callback }
      timers.push(timer)
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1))
    },
    get timers() {
      return timers.length
    },
    /** Time passes in which nothing is called. */
    stall: (ms: number) => void (time += ms),
    forward(ms: number) {
      const until = time + ms
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined || next.at > until) break
        timers.splice(timers.indexOf(next), 1)
        time = Math.max(time, next.at)
        next.callback()
      }
      time = until
    },
  }
}

describe('deadlines', () => {
  test('fall due once, at most 50 ms late, unless they are cancelled', () => {
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom(100, 250, 1_000) }),
      fc.record({ cancel: fc.nat(20) }),
      fc.record({ pass: fc.nat(300) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = handClock()
        const deadlines = createDeadlines(clock)
        const all: { deadline: Deadline; fell: number[]; cancelled: boolean }[] = []
        const check = (): void => {
          for (const { deadline, fell, cancelled } of all) {
            expect(fell.length).toBeLessThanOrEqual(1)
            for (const at of fell) expect(at - deadline.at).toBeLessThanOrEqual(50)
            for (const at of fell) expect(at).toBeGreaterThanOrEqual(deadline.at)
            if (!cancelled && clock.monotonic() > deadline.at + 50) expect(fell).toHaveLength(1)
          }
        }
        for (const one of steps) {
          if ('add' in one) {
            const fell: number[] = []
            const deadline = deadlines.add(one.add, () => fell.push(clock.monotonic()))
            all.push({ deadline, fell, cancelled: false })
          } else if ('cancel' in one) {
            const victim = all[one.cancel]
            if (victim !== undefined) {
              deadlines.cancel(victim.deadline)
              victim.cancelled ||= victim.fell.length === 0
            }
          } else clock.forward(one.pass)
          check()
        }
        for (const { fell, cancelled } of all) if (cancelled) expect(fell).toEqual([])
        clock.forward(2_000)
        check()
        expect(clock.timers).toBe(0)
      }),
    )
  })

  test('may be forgotten by one that falls due', () => {
    const clock = handClock()
    const deadlines = createDeadlines(clock)
    let fell = 0
    for (let each = 0; each < 3; each += 1)
      deadlines.add(100, () => {
        fell += 1
        if (fell > 1) throw new Error('it was forgotten')
        deadlines.stop()
      })
    clock.forward(500)
    expect([fell, clock.timers]).toEqual([1, 0])
  })

  test('do not fall due for a stall of the process before it has seen what came meanwhile', () => {
    const clock = handClock()
    const deadlines = createDeadlines(clock)
    const fell: string[] = []
    const answered = deadlines.add(900, () => fell.push('answered'))
    deadlines.add(900, () => fell.push('unanswered'))
    clock.stall(5_000)
    clock.forward(0)
    expect(fell).toEqual([])
    deadlines.cancel(answered)
    clock.forward(1)
    expect(fell).toEqual(['unanswered'])
    expect(clock.timers).toBe(0)
  })

  test('fall due in a process that stands still again and again', () => {
    const clock = handClock()
    const deadlines = createDeadlines(clock)
    let fell = 0
    deadlines.add(100, () => (fell += 1))
    for (let stalls = 0; stalls < 2; stalls += 1) {
      clock.stall(500)
      clock.forward(0)
    }
    expect(fell).toBe(1)
  })

  test('are forgotten together', () => {
    const clock = handClock()
    const deadlines = createDeadlines(clock)
    let fell = 0
    const deadline = deadlines.add(100, () => (fell += 1))
    deadlines.stop()
    deadlines.cancel(deadline)
    clock.forward(500)
    expect([fell, clock.timers]).toEqual([0, 0])
  })
})

describe('a collector', () => {
  const defer = setImmediate

  test('acts once a partition on what one turn brings, and hands each its own result', async () => {
    const acts: [number, string[]][] = []
    const collect = createCollector(
      async (partition, items: string[]) => {
        acts.push([partition, items])
        return items.map((item) => item.toUpperCase())
      },
      { defer, items: 100 },
    )
    const results = await Promise.all([
      collect(1, 'a'),
      collect(2, 'b'),
      Promise.resolve().then(() => collect(1, 'c')),
    ])
    expect(results).toEqual(['A', 'B', 'C'])
    expect(acts).toEqual([
      [1, ['a', 'c']],
      [2, ['b']],
    ])
  })

  test('says when there are as many as one act holds, before the turn is over', async () => {
    const acts: string[][] = []
    let leave = (): void => {}
    const collect = createCollector(
      async (_, items: string[]) => {
        acts.push(items)
        return items
      },
      { defer: (flush) => (leave = flush), onFull: () => leave(), items: 2 },
    )
    const begun = ['a', 'b', 'c'].map((item, index) => collect(index, item))
    expect(acts).toEqual([['a'], ['b']])
    leave()
    expect(await Promise.all(begun)).toEqual(['a', 'b', 'c'])
  })

  test('divides what would be too much for one act', async () => {
    const acts: string[][] = []
    const collect = createCollector(
      async (_, items: string[]) => {
        acts.push(items)
        return items
      },
      { defer, items: 3, size: 5, sizeOf: (item) => item.length },
    )
    await Promise.all(['a', 'b', 'c', 'd', 'eeeeeeee', 'ff', 'gggg'].map((item) => collect(0, item)))
    expect(acts).toEqual([['a', 'b', 'c'], ['d'], ['eeeeeeee'], ['ff'], ['gggg']])
  })

  test('has together in an act what belongs together, and else what came first', async () => {
    const acts: string[][] = []
    const collect = createCollector(
      async (_, items: string[]) => {
        acts.push(items)
        return items.map((item) => item.toUpperCase())
      },
      { defer, items: 4, compare: (one, other) => one.charCodeAt(0) - other.charCodeAt(0) },
    )
    const items = ['b1', 'a2', 'b0', 'a1', 'a0']
    expect(await Promise.all(items.map((item) => collect(0, item)))).toEqual(
      items.map((item) => item.toUpperCase()),
    )
    expect(acts).toEqual([['a2', 'a1', 'b1', 'b0'], ['a0']])
  })

  test('fails those of the act that failed, and no others', async () => {
    const collect = createCollector(
      async (partition, items: string[]) => {
        if (partition === 1) throw new Error('away')
        return items
      },
      { defer, items: 100 },
    )
    const results = await Promise.allSettled([collect(1, 'a'), collect(2, 'b'), collect(1, 'c')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected'])
  })
})
