/** A runner over a state in memory, with a clock of the test's. */
import { afterAll, afterEach, expect } from '@jest/globals'
import { compileValue } from '../../runner/expression/template.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import type { Plan, TaskPlan } from '../../runner/plan.ts'
import { createPlanTable } from '../../runner/plans/table.ts'
import type { PlanSource, PlanTable } from '../../runner/plans/table.ts'
import { createRunner } from '../../runner/runner.ts'
import type { Runner } from '../../runner/runner.ts'
import { createMemoryState } from '../../state/memory/memory.ts'
import type { MemoryState } from '../../state/memory/memory.ts'
import type { IngressState, ReplyMessage, RunnerState } from '../../state/state.ts'
import type { CallEvent, Json, ReplyMode } from '../../state/event.ts'
import { createManualClock } from '../support/manual-clock.ts'
import type { ManualClock } from '../support/manual-clock.ts'

export const expressions = createExpressionPool()
afterAll(() => expressions.close())

export interface Stage {
  state: MemoryState
  ingress: IngressState
  plans: PlanTable
  clock: ManualClock
  logged: { fields: Record<string, unknown>; message: string }[]
  /** Starts a runner of that name. */
  start(
    name: string,
    options?: { fetch?: typeof globalThis.fetch; wrap?: (state: RunnerState) => RunnerState },
  ): Runner
  /** Has a call accepted, and resolves with what the waiting caller is told. */
  call(mode: ReplyMode, more?: Partial<CallEvent>): Promise<ReplyMessage>
  /** Resolves when a line with that message is logged. */
  line(message: string): Promise<Record<string, unknown>>
}

const cleanup: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of cleanup.splice(0).toReversed()) await undo()
})

/** `source` is what the table of plans can ask. */
export function stage(source?: Pick<PlanSource, 'read'>): Stage {
  const clock = createManualClock()
  const state = createMemoryState({ clock })
  cleanup.push(() => state.close())
  const ingress = state.ingress('pod')
  const asked = source && { readFormer: () => Promise.resolve(undefined), ...source }
  const plans = createPlanTable(asked)
  const logged: Stage['logged'] = []
  const lines = new Set<() => void>()
  const record = (fields: object, message: string): void => {
    logged.push({ fields: fields as Record<string, unknown>, message })
    for (const look of lines) look()
  }
  const waiting = new Map<string, (message: ReplyMessage) => void>()
  ingress.onReply((id, message) => waiting.get(id)?.(message))
  let nth = 0
  return {
    state,
    ingress,
    plans,
    clock,
    logged,
    start(name, { fetch = globalThis.fetch, wrap = (inner: RunnerState) => inner } = {}) {
      const runnerState = wrap(state.runner(name))
      const runner = createRunner({
        state: runnerState,
        plans,
        expressions,
        fetch,
        clock,
        random: () => 0,
        log: {
          debug: record,
          info: record,
          warn: record,
          error: record,
        },
        runtime: { name: 'hooklet' },
      })
      runner.start()
      cleanup.push(async () => {
        await runner.stop({ deadlineMs: 0 })
        await runnerState.close()
      })
      return runner
    },
    async call(mode, more = {}) {
      nth += 1
      const id = `0.reply-${nth}`
      const answer = new Promise<ReplyMessage>((resolve) => waiting.set(id, resolve))
      const verdict = await ingress.admit({
        partition: 0,
        event: eventOf(nth, { id, mode }, more),
        replyTtlMs: 60_000,
      })
      expect(verdict).toEqual({ kind: 'accepted' })
      return await answer
    },
    line: (message) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = logged.find((entry) => entry.message === message)
          if (!found) return
          lines.delete(look)
          resolve(found.fields)
        }
        lines.add(look)
        look()
      }),
  }
}

export function eventOf(nth: number, reply: CallEvent['reply'], more: Partial<CallEvent>): CallEvent {
  return {
    id: `event-${nth}`,
    time: '2026-01-01T00:00:00.000Z',
    type: 'http',
    webhook: { namespace: 'default', name: 'hook' },
    method: 'post',
    path: '/',
    query: '',
    headers: {},
    clientIP: '127.0.0.1',
    merged: false,
    body: Buffer.alloc(0),
    ...(reply ? { reply } : {}),
    ...more,
  }
}

const at = { pointer: '/do/0/t', then: 'continue' }
export const reply = (body: Json): TaskPlan => ({
  ...at,
  name: 'r',
  type: 'call:reply',
  with: compileValue({ body }),
})
export const set = (value: Json): TaskPlan => ({ ...at, name: 's', type: 'set', set: compileValue(value) })
export const fail: TaskPlan = {
  ...at,
  name: 'f',
  type: 'raise' as const,
  error: {
    type: { literal: 'https://example.com/e' },
    status: { literal: 400 },
    title: { literal: 'secret title' },
  },
}
export const ASK: TaskPlan = {
  ...at,
  name: 'ask',
  type: 'call:http',
  method: 'GET',
  endpoint: { literal: 'http://127.0.0.1:9/' },
  result: 'content',
  redirect: false,
}
/** The same at an address of its own. */
export const askAt = (name: string): TaskPlan => ({
  ...ASK,
  endpoint: { literal: `http://127.0.0.1:9/${name}` },
})
export const wait = (ms: number): TaskPlan => ({ ...at, name: 'w', type: 'wait', wait: { ms } })

export function plan(name: string, tasks: TaskPlan[], more: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    namespace: 'default',
    name,
    uid: `uid-${name}`,
    generation: 1,
    suspended: false,
    triggers: [{ webhook: 'hook' }],
    globals: {},
    secrets: {},
    document: { name, namespace: 'default', version: '0.0.1', dsl: '1.0.3' },
    do: tasks,
    ...more,
  }
}
