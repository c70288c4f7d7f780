/**
 * What becomes of an event and its runs when plans are behind, the state is away, or the runner itself fails.
 */
import { describe, expect, test } from '@jest/globals'
import type { Plan } from '../../runner/plan.ts'
import type { CallEvent } from '../../state/event.ts'
import type { RunnerState } from '../../state/state.ts'
import { StateUnavailable } from '../../state/state.ts'
import { ASK, askAt, eventOf, plan, reply, set, stage, wait } from './stage.ts'

/** What the route of a webhook says of this Workflow. */
const naming = (name: string, { generation = 1, uid = `uid-${name}` } = {}): Partial<CallEvent> => ({
  workflows: [{ name, uid, generation }],
})
const json = (): Response => new Response('{}', { headers: { 'content-type': 'application/json' } })

describe('an event that names a Workflow', () => {
  test('of which its runner has not heard waits until the source tells of it', async () => {
    let read = (): Promise<Plan | undefined> => Promise.reject(new Error('the API server is away'))
    const { start, call, clock, line } = stage({ read: () => read() })
    start('a')
    const answer = call('Reply', naming('w'))
    await line('Plan can not be read; its runs wait')
    read = () => Promise.resolve(plan('w', [reply('done')]))
    await clock.advance(250)
    expect(await answer).toMatchObject({ body: 'done' })
  })

  test('in a generation of which its runner has not heard runs that one', async () => {
    const { plans, start, call } = stage({ read: async () => plan('w', [reply('new')], { generation: 2 }) })
    plans.put(plan('w', [reply('old')]))
    start('a')
    expect(await call('Reply', naming('w', { generation: 2 }))).toMatchObject({ body: 'new' })
    expect(await call('Reply', naming('w'))).toMatchObject({ body: 'old' })
  })

  test('whose source is behind as well waits for it', async () => {
    const asked = Promise.withResolvers<void>()
    let generation = 1
    const { start, call, clock } = stage({
      read: async () => {
        generation += 1
        // The runner sets its timer before this turn is over.
        setImmediate(asked.resolve)
        return plan('w', [reply(generation)], { generation })
      },
    })
    start('a')
    const answer = call('Reply', naming('w', { generation: 3 }))
    await asked.promise
    await clock.advance(250)
    expect(await answer).toMatchObject({ body: 3 })
  })

  test('that is gone or suspended starts nothing, and the log says so', async () => {
    const { plans, start, call, logged } = stage({ read: async () => undefined })
    plans.put(plan('suspended', [reply('no')], { suspended: true }))
    start('a')
    expect(await call('Reply', naming('gone'))).toEqual({ kind: 'ended' })
    expect(await call('Reply', naming('suspended'))).toEqual({ kind: 'ended' })
    const fields = { namespace: 'default', webhook: 'hook', eventId: expect.any(String) }
    expect(logged.filter(({ message }) => message === 'Event started no run')).toEqual([
      { message: 'Event started no run', fields },
      { message: 'Event started no run', fields },
    ])
  })

  test('runs the one that has taken its name, and never both', async () => {
    const older = plan('w', [reply('older')], { uid: 'older' })
    const newer = plan('w', [reply('newer')], { uid: 'newer' })
    const { plans, start, call, logged } = stage({ read: async () => newer })
    const runner = start('a')
    plans.put(older)
    expect(await call('Reply', naming('w', { uid: 'newer' }))).toMatchObject({ body: 'newer' })
    plans.put(newer)
    expect(await call('Reply', naming('w', { uid: 'older' }))).toMatchObject({ body: 'newer' })
    await runner.stop({ deadlineMs: 1_000 })
    expect(logged.filter(({ message }) => message === 'Run completed')).toHaveLength(2)
  })

  test('runs what its runner knows besides', async () => {
    const { plans, start, call } = stage()
    plans.put(plan('w', [set(1)]))
    plans.put(plan('besides', [reply('besides')]))
    start('a')
    expect(await call('Reply', naming('w'))).toMatchObject({ body: 'besides' })
  })

  test('does not hold up a runner that stops', async () => {
    const { start, call, line, state, plans } = stage({ read: () => Promise.reject(new Error('away')) })
    const first = start('a')
    const answer = call('Reply', naming('w'))
    await line('Plan can not be read; its runs wait')
    await first.stop({ deadlineMs: 0 })
    expect(first.inHand).toBe(0)
    plans.put(plan('w', [reply('elsewhere')]))
    await state.runner('a').close()
    start('b')
    expect(await answer).toMatchObject({ body: 'elsewhere' })
  })
})

describe('an event that is delivered again', () => {
  const edits: [string, (plans: ReturnType<typeof stage>['plans']) => unknown, object][] = [
    [
      'suspended',
      (plans) => plans.put(plan('w', [ASK, reply('done')], { generation: 2, suspended: true })),
      { body: 'done' },
    ],
    [
      'given another trigger',
      (plans) => plans.put(plan('w', [reply('no')], { generation: 2, triggers: [{ webhook: 'other' }] })),
      { body: 'done' },
    ],
    ['deleted', (plans) => plans.remove({ namespace: 'default', name: 'w' }), { kind: 'failed' }],
  ]
  test.each(edits)('goes on with the run of a Workflow that was %s since', async (_, edit, told) => {
    const { plans, start, call, state } = stage()
    plans.put(plan('w', [ASK, reply('done')]))
    const reached = Promise.withResolvers<void>()
    let inner: RunnerState | undefined
    const first = start('a', {
      fetch: (_url, init) => {
        reached.resolve()
        return new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('aborted')))
        })
      },
      wrap: (wrapped) => (inner = wrapped),
    })
    const answer = call('Reply', naming('w'))
    await reached.promise
    await first.stop({ deadlineMs: 0 })
    await inner?.close()
    edit(plans)
    start('b', { fetch: () => Promise.resolve(json()) })
    expect(await answer).toMatchObject(told)
    expect(state.deadLetters(0)).toEqual([])
  })
})

test('a run whose sleep was stored without a word of it does not go on here as well as where it is woken', async () => {
  const { plans, ingress, start, clock } = stage()
  plans.put(plan('w', [wait(100), ASK]))
  const unheard = Promise.withResolvers<void>()
  const asked: string[] = []
  let [reads, parks] = [0, 0]
  const done = Promise.withResolvers<void>()
  start('a', {
    fetch: (_url, init) => {
      asked.push('a')
      return new Promise((_, reject) => init?.signal?.addEventListener('abort', reject))
    },
    wrap: (inner) => ({
      ...inner,
      read(options) {
        reads += 1
        if (reads === 1 || options.signal?.aborted) return inner.read(options)
        return new Promise((resolve) => options.signal?.addEventListener('abort', () => resolve([])))
      },
      async park(run, checkpoint, delayMs) {
        const parked = await inner.park(run, checkpoint, delayMs)
        parks += 1
        if (parks > 1) return parked
        setImmediate(unheard.resolve)
        throw new StateUnavailable('away')
      },
    }),
  })
  await ingress.admit({ partition: 0, event: eventOf(1, undefined, {}) })
  await unheard.promise
  await clock.advance(500)
  start('b', {
    fetch: async () => {
      asked.push('b')
      done.resolve()
      return json()
    },
  })
  await done.promise
  expect(asked).toEqual(['b'])
})

test('a caller is told that the run failed whose answer could not be given in its time', async () => {
  const { plans, start, call, clock } = stage()
  plans.put(plan('w', [reply('too late')], { timeout: { ms: 400 } }))
  const refused = Promise.withResolvers<void>()
  start('a', {
    wrap: (inner) => ({
      ...inner,
      reply() {
        setImmediate(refused.resolve)
        return Promise.reject(new StateUnavailable('away'))
      },
    }),
  })
  const answer = call('Reply')
  await refused.promise
  await clock.advance(500)
  expect(await answer).toEqual({ kind: 'failed' })
})

test('a run that holds more than is kept of one fails, and is over', async () => {
  const { plans, start, call, state } = stage()
  let tasks = [ASK]
  for (let depth = 0; depth < 9; depth += 1)
    tasks = [{ name: 'list', pointer: '/do/1/list', then: 'continue', type: 'do', do: tasks }]
  plans.put(plan('w', [set('x'.repeat(500_000)), ...tasks]))
  const asked: unknown[] = []
  start('a', { fetch: async (url) => (asked.push(url), json()) })
  expect(await call('Reply')).toEqual({ kind: 'failed' })
  expect(asked).toEqual([])
  expect(state.deadLetters(0)).toEqual([])
})

describe('two runs of an event', () => {
  /**
   * The run of `slow` is within its request until it is released; `act` of that of `other` fails once before.
   */
  function stageTwo(act: 'save' | 'end', error: () => Error) {
    const staged = stage()
    staged.plans.put(plan('other', [askAt('other')]))
    staged.plans.put(plan('slow', [askAt('slow')]))
    const asked: string[] = []
    const slow = Promise.withResolvers<void>()
    const failed = Promise.withResolvers<void>()
    const settled = Promise.withResolvers<void>()
    const within = Promise.withResolvers<void>()
    let firstRun: string | undefined
    let tries = 0
    staged.start('a', {
      async fetch(url) {
        const name = new URL(url instanceof Request ? url.url : url).pathname
        asked.push(name)
        if (name === '/slow') {
          within.resolve()
          await slow.promise
        }
        return json()
      },
      wrap: (inner) => ({
        ...inner,
        async [act](run: { runId: string }, ...rest: never[]) {
          // The candidates are in the order of their names.
          firstRun ??= run.runId
          if (run.runId === firstRun && (tries += 1) === 1) {
            await within.promise
            // The runner sets its timer before this turn is over.
            setImmediate(failed.resolve)
            throw error()
          }
          return await (inner[act] as (...given: unknown[]) => Promise<unknown>)(run, ...rest)
        },
        async acknowledge(deliveries) {
          await inner.acknowledge(deliveries)
          settled.resolve()
        },
        async deadLetter(delivery, reason) {
          await inner.deadLetter(delivery, reason)
          settled.resolve()
        },
      }),
    })
    return { ...staged, asked, failed: failed.promise, settled: settled.promise, release: slow.resolve }
  }

  test('do not touch each other when the state is away for one of them', async () => {
    const { ingress, clock, asked, failed, settled, release, state } = stageTwo(
      'save',
      () => new StateUnavailable('away'),
    )
    await ingress.admit({ partition: 0, event: eventOf(1, undefined, {}) })
    await failed
    await clock.advance(500)
    while (!asked.includes('/other')) await clock.advance(1)
    release()
    await settled
    expect(asked.toSorted()).toEqual(['/other', '/slow'])
    expect(state.deadLetters(0)).toEqual([])
  })

  test('are both over before the event of one with a fault is put aside', async () => {
    const { ingress, failed, settled, release, state, logged } = stageTwo(
      'end',
      () => new TypeError('a fault of ours'),
    )
    await ingress.admit({ partition: 0, event: eventOf(1, undefined, {}) })
    await failed
    expect(state.deadLetters(0)).toEqual([])
    release()
    await settled
    expect(state.deadLetters(0)).toHaveLength(1)
    expect(logged.filter(({ message }) => message === 'Run completed')).toHaveLength(1)
  })
})

describe('a fault of the runner itself', () => {
  test('puts the event aside, also when the state is away at first, and the log names it', async () => {
    const { state, plans, start, call, clock, line } = stage()
    plans.put(plan('w', [set({ a: 1 })]))
    const refused = Promise.withResolvers<void>()
    let away = true
    start('a', {
      wrap: (inner) => ({
        ...inner,
        settle: () => Promise.reject(new TypeError('a fault of ours')),
        async deadLetter(delivery, reason) {
          if (away) {
            away = false
            setImmediate(refused.resolve)
            throw new StateUnavailable('away')
          }
          await inner.deadLetter(delivery, reason)
        },
      }),
    })
    const answer = call('Reply')
    await refused.promise
    await clock.advance(500)
    expect(await answer).toEqual({ kind: 'failed' })
    expect(state.deadLetters(0)).toHaveLength(1)
    expect(await line('Event put aside')).toEqual({
      eventId: 'event-1',
      namespace: 'default',
      webhook: 'hook',
      reason: 'the runner has a fault; its log tells more',
    })
  })

  test('in a run that was woken lets it come again', async () => {
    const { plans, start, call, clock, line } = stage()
    plans.put(plan('w', [wait(1_000), reply('done')]))
    const ended = Promise.withResolvers<void>()
    let ends = 0
    start('a', {
      wrap: (inner) => ({
        ...inner,
        async end(run) {
          ends += 1
          if (ends === 1) throw new TypeError('a fault of ours')
          ended.resolve()
          return await inner.end(run)
        },
      }),
    })
    const answer = call('Reply')
    await line('Run set aside')
    await clock.advance(1_000)
    expect(await answer).toMatchObject({ body: 'done' })
    await line('Runner has a fault')
    await clock.advance(500)
    await ended.promise
  })
})

test('a run that ends while its runner is told to stop is not left to another one', async () => {
  const { state, ingress, plans, start } = stage()
  plans.put(plan('w', [ASK]))
  const stopped = Promise.withResolvers<void>()
  let inner: RunnerState | undefined
  const runner = start('a', {
    fetch: () => Promise.resolve(json()),
    wrap(wrapped) {
      inner = wrapped
      return {
        ...wrapped,
        async end(run) {
          void runner.stop({ deadlineMs: 0 }).then(stopped.resolve)
          // The stop takes effect before this is stored.
          await new Promise((resolve) => setImmediate(resolve))
          return await wrapped.end(run)
        },
      }
    },
  })
  await ingress.admit({ partition: 0, event: eventOf(1, undefined, {}) })
  await stopped.promise
  await inner?.close()
  expect(await state.runner('b').read({ count: 1, blockMs: 0 })).toEqual([])
})

describe('a checkpoint', () => {
  const run = { partition: 0, runId: 'run', epoch: 1 }

  test('of another version is left to runners of that version', async () => {
    const { state, start, clock, logged } = stage()
    const newer = state.runner('newer')
    await newer.park(run, { version: 2, stack: ['of a later version'] }, 0)
    const rested = Promise.withResolvers<unknown>()
    const runner = start('a', {
      wrap: (inner) => ({
        ...inner,
        async park(ref, checkpoint, delayMs) {
          const parked = await inner.park(ref, checkpoint, delayMs)
          rested.resolve({ checkpoint, delayMs })
          return parked
        },
      }),
    })
    expect(await rested.promise).toEqual({
      checkpoint: { version: 2, stack: ['of a later version'] },
      delayMs: 30_000,
    })
    await runner.stop({ deadlineMs: 0 })
    await clock.advance(30_000)
    expect(await newer.read({ count: 1, blockMs: 0 })).toMatchObject([
      { kind: 'resume', checkpoint: { version: 2 }, attempts: 1 },
    ])
    expect(logged).toEqual([
      { fields: { runId: 'run' }, message: 'Run waits for a runner of another version' },
    ])
  })

  test.each([
    ['a text', 'text'],
    ['without a version', {}],
    ['without its parts', { version: 1, workflow: { namespace: 'default' } }],
  ])('that is none (%s) ends its run, and the log says so', async (_, checkpoint) => {
    const { state, start, line } = stage()
    const other = state.runner('other')
    await other.park(run, checkpoint, 0)
    const ended = Promise.withResolvers<void>()
    start('a', {
      wrap: (inner) => ({
        ...inner,
        async end(ref) {
          const result = await inner.end(ref)
          ended.resolve()
          return result
        },
      }),
    })
    expect(await line('Run is lost')).toMatchObject({ runId: 'run' })
    await ended.promise
    expect(await other.takeOver([{ ...run, epoch: 9 }])).toEqual([{ kind: 'ended' }])
  })
})
