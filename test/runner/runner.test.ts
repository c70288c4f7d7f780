import { expect, test } from '@jest/globals'
import { compileExpression } from '../../runner/expression/template.ts'
import { createPlanTable } from '../../runner/plans/table.ts'
import { createRunner } from '../../runner/runner.ts'
import { StateUnavailable } from '../../state/state.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { ASK, expressions, fail, plan, reply, set, stage, wait } from './stage.ts'

test('the first reply of several workflows is the answer', async () => {
  const { plans, start, call } = stage()
  plans.put(plan('slow', [wait(1_000), reply('slow')]))
  plans.put(plan('quick', [reply('quick')]))
  start('a')
  expect(await call('Reply')).toMatchObject({ kind: 'reply', body: 'quick' })
})

test('Output: the output of the workflow is the answer', async () => {
  const { plans, start, call } = stage()
  plans.put(plan('w', [set({ path: '${ .path }' })]))
  start('a')
  expect(await call('Output', { path: '/p' })).toEqual({ kind: 'output', body: { path: '/p' } })
})

test('a failing run is told at once, when no other can reply any more', async () => {
  const { plans, start, call, clock, line } = stage()
  plans.put(plan('failing', [fail]))
  start('a')
  expect(await call('Reply')).toEqual({ kind: 'failed' })

  plans.put(plan('sleeping', [wait(5_000), set({ a: 1 })]))
  const answer = call('Reply')
  await line('Run set aside')
  await clock.advance(5_000)
  expect(await answer).toEqual({ kind: 'failed' })
})

test('no workflow, a suspended one, and one whose condition is false: ended without a reply', async () => {
  const { plans, start, call } = stage()
  start('a')
  expect(await call('Reply')).toEqual({ kind: 'ended' })
  plans.put(plan('suspended', [reply('no')], { suspended: true }))
  plans.put(
    plan('other', [reply('no')], {
      triggers: [{ webhook: 'hook', when: compileExpression('.method == "get"') }],
    }),
  )
  plans.put(plan('foreign', [reply('no')], { namespace: 'elsewhere' }))
  expect(await call('Reply')).toEqual({ kind: 'ended' })
  plans.remove({ namespace: 'default', name: 'other' })
  expect(plans.triggeredBy('default', 'hook').map(({ name }) => name)).toEqual(['suspended'])
})

test('a condition that fails is a failed run, and the others go on', async () => {
  const { plans, start, call } = stage()
  plans.put(
    plan('broken', [reply('no')], { triggers: [{ webhook: 'hook', when: compileExpression('1 + {}') }] }),
  )
  start('a')
  expect(await call('Reply')).toEqual({ kind: 'failed' })
  plans.put(plan('sound', [reply('yes')]))
  expect(await call('Reply')).toMatchObject({ body: 'yes' })
})

test('a condition or task that fails over a secret shows nothing of it', async () => {
  const { plans, start, call, logged } = stage()
  const secrets = { box: { key: 'hidden-value' } }
  const when = compileExpression('$secrets.box.key + 1')
  plans.put(plan('condition', [reply('no')], { triggers: [{ webhook: 'hook', when }], secrets }))
  plans.put(plan('task', [set('${ $secrets.box.key + 1 }')], { secrets }))
  const runner = start('a')
  expect(await call('Reply')).toEqual({ kind: 'failed' })
  await runner.stop({ deadlineMs: 1_000 })
  expect(logged.filter(({ message }) => message === 'Run failed because')).toHaveLength(2)
  expect(JSON.stringify(logged)).not.toContain('hidden')
})

test('a condition may read globals', async () => {
  const { plans, start, call } = stage()
  const when = compileExpression('.path == $globals.PATH')
  plans.put(plan('w', [reply('yes')], { triggers: [{ webhook: 'hook', when }], globals: { PATH: '/p' } }))
  start('a')
  expect(await call('Reply', { path: '/p' })).toMatchObject({ body: 'yes' })
  expect(await call('Reply', { path: '/q' })).toEqual({ kind: 'ended' })
})

test('a parked run is bound to the generation that it began with', async () => {
  const { plans, start, call, clock, line } = stage()
  plans.put(plan('w', [wait(1_000), reply('first')]))
  start('a')
  const answer = call('Reply')
  await line('Run set aside')
  plans.put(plan('w', [reply('second')], { generation: 2 }))
  await clock.advance(1_000)
  expect(await answer).toMatchObject({ body: 'first' })
  expect(await call('Reply')).toMatchObject({ body: 'second' })
})

test('a run whose Workflow was deleted while it slept fails', async () => {
  const { plans, start, call, clock, line } = stage()
  plans.put(plan('w', [wait(1_000), reply('first')]))
  start('a')
  const answer = call('Reply')
  await line('Run set aside')
  plans.remove({ namespace: 'default', name: 'w' })
  await clock.advance(1_000)
  expect(await answer).toEqual({ kind: 'failed' })
})

test('what a runner leaves behind when it stops, another one takes over', async () => {
  const { plans, start, call, state } = stage()
  const reached = Promise.withResolvers<void>()
  plans.put(plan('w', [ASK, reply('done')]))
  const keys: (string | null)[] = []
  const hang: typeof fetch = (_, init) => {
    keys.push(new Headers(init?.headers).get('idempotency-key'))
    reached.resolve()
    return new Promise((_resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
    })
  }
  const answers: typeof fetch = (_, init) => {
    keys.push(new Headers(init?.headers).get('idempotency-key'))
    return Promise.resolve(new Response('{}', { headers: { 'content-type': 'application/json' } }))
  }
  const runnerState = state.runner('first')
  const first = createRunner({
    state: runnerState,
    plans,
    expressions,
    fetch: hang,
    clock: createManualClock(),
    random: () => 0,
    log: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (fields) => expect(fields).toBeUndefined(),
    },
    runtime: null,
  })
  first.start()
  const answer = call('Reply')
  await reached.promise
  await first.stop({ deadlineMs: 0 })
  await runnerState.close()
  start('second', { fetch: answers })
  expect(await answer).toMatchObject({ kind: 'reply', body: 'done' })
  expect(keys).toHaveLength(2)
  expect(keys[0]).toBe(keys[1])
})

test.each(['save', 'reply', 'end', 'acknowledge'] as const)(
  'a state that is away for a while at %s delays a run and neither loses nor repeats it',
  async (act) => {
    const { plans, start, call, clock, logged } = stage()
    plans.put(plan('w', [ASK, reply('done')]))
    let asked = 0
    let away = true
    const paused = Promise.withResolvers<void>()
    const settled = Promise.withResolvers<void>()
    start('a', {
      fetch: () => {
        asked += 1
        return Promise.resolve(new Response('{}', { headers: { 'content-type': 'application/json' } }))
      },
      wrap: (inner) => ({
        ...inner,
        [act]: async (...args: never[]) => {
          if (away) {
            away = false
            // The runner sets its timer before this microtask chain is over.
            setImmediate(paused.resolve)
            throw new StateUnavailable('away')
          }
          return await (inner[act] as (...given: never[]) => Promise<unknown>)(...args)
        },
        acknowledge: async (deliveries) => {
          if (act === 'acknowledge' && away) {
            away = false
            setImmediate(paused.resolve)
            throw new StateUnavailable('away')
          }
          await inner.acknowledge(deliveries)
          settled.resolve()
        },
      }),
    })
    const answer = call('Reply')
    await paused.promise
    await clock.advance(500)
    expect(await answer).toMatchObject({ body: 'done' })
    await settled.promise
    expect(asked).toBe(1)
    expect(logged.map(({ message }) => message)).not.toContain('Runner has a fault')
  },
)

test.each(['save', 'reply', 'end'] as const)(
  'a state that is away at %s while a run goes on after a nap neither loses nor repeats it',
  async (act) => {
    const { plans, start, call, clock, line } = stage()
    plans.put(plan('w', [wait(1_000), ASK, wait(1_000), reply('done')]))
    let asked = 0
    let away = false
    const paused = Promise.withResolvers<void>()
    start('a', {
      fetch: () => {
        asked += 1
        return Promise.resolve(new Response('{}', { headers: { 'content-type': 'application/json' } }))
      },
      wrap: (inner) => ({
        ...inner,
        [act]: async (...args: never[]) => {
          if (away) {
            away = false
            setImmediate(paused.resolve)
            throw new StateUnavailable('away')
          }
          return await (inner[act] as (...given: never[]) => Promise<unknown>)(...args)
        },
      }),
    })
    const answer = call('Reply')
    await line('Run set aside')
    away = true
    await clock.advance(1_000)
    await clock.advance(1_000)
    await paused.promise
    await clock.advance(500)
    await clock.advance(1_000)
    expect(await answer).toMatchObject({ body: 'done' })
    expect(asked).toBe(1)
  },
)

test('a run that brings down every runner that wakes it ends', async () => {
  const { state, plans, start, call, clock, line } = stage()
  plans.put(plan('w', [wait(1_000), reply('done')]))
  const first = start('a')
  const answer = call('Reply')
  await line('Run set aside')
  await first.stop({ deadlineMs: 0 })
  await clock.advance(1_000)
  for (let nth = 0; nth < 6; nth++) {
    const doomed = state.runner(`doomed-${nth}`)
    const [delivery] = await doomed.read({ count: 1, blockMs: 0 })
    expect(delivery?.kind).toBe('resume')
    if (delivery !== undefined) doomed.abandon(delivery)
    await doomed.close()
  }
  start('b')
  expect(await answer).toEqual({ kind: 'failed' })
  expect(await line('Run failed')).toMatchObject({
    error: { type: expect.stringMatching(/runtime$/) },
  })
})

test('an event at which the runner itself fails is put aside, and its caller told', async () => {
  const { state, plans, start, call, logged } = stage()
  plans.put(plan('w', [set({ a: 1 })]))
  start('a', {
    wrap: (inner) => ({
      ...inner,
      settle: () => Promise.reject(new TypeError('a fault of ours')),
    }),
  })
  expect(await call('Reply')).toEqual({ kind: 'failed' })
  expect(state.deadLetters(0)).toHaveLength(1)
  expect(logged.map(({ message }) => message)).toContain('Runner has a fault')
})

test('the log tells where a run failed and nothing of what it held', async () => {
  const { plans, start, call, line } = stage()
  plans.put(plan('failing', [fail]))
  start('a')
  await call('Reply', { body: Buffer.from('body text') })
  const fields = await line('Run failed')
  expect(fields).toMatchObject({
    namespace: 'default',
    workflow: 'failing',
    outcome: 'failed',
    error: { type: 'https://example.com/e', instance: '/do/0/t' },
  })
  expect(JSON.stringify(fields)).not.toMatch(/body text|secret title/)
})

test('former generations are kept up to a bound', () => {
  const table = createPlanTable()
  for (let generation = 1; generation <= 20; generation++) table.put(plan('w', [], { generation }))
  const name = { namespace: 'default', name: 'w', uid: plan('w', []).uid }
  expect(table.find(name, 20)?.generation).toBe(20)
  expect(table.find(name, 10)?.generation).toBe(10)
  expect(table.find(name, 9)).toBeUndefined()
  expect(table.size).toBe(1)
  expect(table.remove(name)).toBe(true)
  expect(table.remove(name)).toBe(false)
  expect(table.find(name, 19)).toBeUndefined()
})
