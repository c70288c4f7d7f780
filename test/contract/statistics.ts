import { expect } from '@jest/globals'
import type { ContractTest } from './harness.ts'
import { callEvent, readEvent, readEvents, readResume } from './harness.ts'

/** What who runs the state is told of how full it is. */
export function describeStatistics(check: ContractTest): void {
  check('the statistics of an empty state have nothing', async (harness) => {
    expect(await harness.ingress('pod').statistics()).toEqual({
      events: 0,
      deferredEvents: 0,
      oldestEventMs: 0,
      fullest: 0,
      parkedRuns: 0,
      dueRuns: 0,
      deadLetters: 0,
      deadLettersEver: 0,
    })
  })

  check.within({ backlog: 10 })(
    'in statistics events count over all partitions until they are acknowledged, by age the oldest',
    async (harness) => {
      const ingress = harness.ingress('pod')
      const runner = harness.runner('runner')
      await ingress.admit({ partition: 1, event: callEvent() })
      await harness.advance(300)
      for (const partition of [2, 2, 3]) await ingress.admit({ partition, event: callEvent() })
      const before = await ingress.statistics()
      expect(before.events).toBe(4)
      expect(before.oldestEventMs).toBeGreaterThanOrEqual(300)
      // Two of ten; bodies are small, and count as what ten of them may have.
      expect(before.fullest).toBeCloseTo(0.2)
      const deliveries = await readEvents(runner, 4)
      // In work is not done.
      expect((await ingress.statistics()).events).toBe(4)
      await runner.acknowledge(deliveries.filter(({ partition }) => partition !== 3))
      const after = await ingress.statistics()
      expect([after.events, after.fullest]).toEqual([1, expect.closeTo(0.1)])
      await runner.acknowledge(deliveries)
      expect(await ingress.statistics()).toMatchObject({ events: 0, oldestEventMs: 0, fullest: 0 })
    },
  )

  check.within({ parked: 4 })(
    'in statistics runs that are parked count, and those that are due until they are taken',
    async (harness) => {
      const ingress = harness.ingress('pod')
      const runner = harness.runner('runner')
      const run = (runId: string) => ({ partition: 1, runId, epoch: 1 })
      await runner.park(run('long'), {}, 60_000)
      await runner.park(run('short'), {}, 0)
      await harness.advance(10)
      expect(await ingress.statistics()).toMatchObject({ parkedRuns: 2, dueRuns: 1, fullest: 0.5 })
      const resumed = await readResume(runner)
      expect(await ingress.statistics()).toMatchObject({ parkedRuns: 2, dueRuns: 0 })
      await runner.end(resumed.run)
      expect(await ingress.statistics()).toMatchObject({ parkedRuns: 1, dueRuns: 0, fullest: 0.25 })
    },
  )

  check('in statistics dead letters count where they are kept, and for ever', async (harness) => {
    const ingress = harness.ingress('pod')
    const runner = harness.runner('runner')
    for (const partition of [0, 5]) {
      await ingress.admit({ partition, event: callEvent() })
      await runner.deadLetter(await readEvent(runner), 'a fault')
    }
    expect(await ingress.statistics()).toMatchObject({ events: 0, deadLetters: 2, deadLettersEver: 2 })
  })

  check('a closed process gives no statistics', async (harness) => {
    const ingress = harness.ingress('pod')
    await ingress.close()
    await expect(ingress.statistics()).rejects.toThrow('closed')
  })
}
