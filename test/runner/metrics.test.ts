import { expect, test } from '@jest/globals'
import { runnerMetrics } from '../../runner/metrics.ts'
import type { TaskPlan } from '../../runner/plan.ts'
import { samplesIn, textOf } from '../support/metrics.ts'
import { expressions, fail, plan, reply, set, stage, wait } from './stage.ts'

test('runs, replies, retries and delays are counted, and name no workflow', async () => {
  const { plans, start, call, clock, line, state } = stage()
  plans.put(plan('talker', [reply('first'), reply('late'), set('${ now | todate }')]))
  const runner = start('a')
  await call('Reply')
  await line('Run completed')
  plans.remove({ namespace: 'default', name: 'talker' })

  const retrying: TaskPlan = {
    pointer: '/do/0/t',
    then: 'continue',
    name: 't',
    type: 'try',
    try: [fail],
    catch: { as: 'error', retry: { backoff: 'constant', limit: { attempt: { count: 2 } } } },
  }
  plans.put(plan('failing', [wait(3_000), { ...retrying, catch: { ...retrying.catch, do: [fail] } }]))
  const answer = call('Reply')
  await line('Run set aside')
  await clock.advance(3_000)
  expect(await answer).toEqual({ kind: 'failed' })
  await line('Run failed')

  const parts = { plans, expressions, concurrency: 256, ready: () => Promise.resolve(true) }
  const text = await textOf(runnerMetrics(runner, parts))
  const samples = samplesIn(text)
  const read = (sample: string): number | undefined => samples.get(sample)
  const runs = ['completed', 'failed', 'parked', 'fenced'].map((result) =>
    read(`hooklet_runner_runs_total{result="${result}"}`),
  )
  expect(runs).toEqual([1, 1, 1, 0])
  const replies = ['first', 'late', 'gone'].map((result) =>
    read(`hooklet_runner_replies_total{result="${result}"}`),
  )
  expect(replies).toEqual([1, 1, 0])
  expect(read('hooklet_runner_retries_total')).toBe(2)
  expect(read('hooklet_runner_run_duration_seconds_sum')).toBe(3)
  expect(read('hooklet_runner_run_duration_seconds_bucket{le="2.5"}')).toBe(1)
  expect(read('hooklet_runner_event_delay_seconds_count')).toBe(2)
  expect(read('hooklet_runner_expressions_total{result="output"}')).toBeGreaterThan(0)
  expect(read('hooklet_runner_dead_letters_total')).toBe(0)
  expect(text).not.toMatch(/talker|failing|default/)
  await state.close()
})
