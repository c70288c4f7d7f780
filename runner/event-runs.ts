/** From one event to its runs: which Workflows it triggers, and what is told to the caller who waits. */
import { hash } from 'node:crypto'
import type { CallEvent, Json } from '../state/event.ts'
import type { EventDelivery, ReplyAddress, RunnerState, RunRef } from '../state/state.ts'
import { readTrace } from '../state/trace-context.ts'
import type { Problem } from './engine/problem.ts'
import { asProblem } from './engine/recognise.ts'
import type { Machinery } from './engine/run.ts'
import type { RunState } from './engine/run-state.ts'
import type { Plan } from './plan.ts'
import type { PlanTable } from './plans/table.ts'
import type { RunInput } from './request/input.ts'

/** A Workflow that an event triggers. One whose condition can't be evaluated counts as a run that failed. */
export type Triggered = { plan: Plan; run: RunRef } & ({ problem?: undefined } | { problem: Problem })

/** The Workflows whose trigger holds for the call, in the order of their names. */
export async function triggeredPlans(
  { event, partition, entry, deliveries }: EventDelivery,
  call: RunInput,
  { plans, ...machinery }: Pick<Machinery, 'expressions' | 'onFault'> & { plans: PlanTable },
): Promise<Triggered[]> {
  const { namespace, name } = event.webhook
  const candidates = plans.triggeredBy(namespace, name).filter(({ suspended }) => !suspended)
  const judged = await Promise.all(
    candidates.map(async (plan): Promise<Triggered | undefined> => {
      const ref = { partition, runId: runIdOf(event, plan), epoch: deliveries }
      const run = deliveries > 1 ? { ...ref, entry } : ref
      try {
        return (await holds(plan, call, machinery)) ? { plan, run } : undefined
      } catch (error) {
        return { plan, run, problem: asProblem(error, '/', machinery).problem }
      }
    }),
  )
  return judged.filter((triggered) => triggered !== undefined)
}

async function holds(
  plan: Plan,
  call: Json,
  { expressions }: Pick<Machinery, 'expressions'>,
): Promise<boolean> {
  const { namespace, name } = (call as RunInput).webhook
  const trigger = plan.triggers.find(({ webhook }) => webhook === name && plan.namespace === namespace)
  if (!trigger?.when) return trigger !== undefined
  const variables = { globals: plan.globals, secrets: plan.secrets }
  const passed = Object.fromEntries(
    Object.entries(variables).filter(([variable]) => trigger.when?.variables.includes(variable)),
  )
  const result = await expressions.evaluate(trigger.when, call, passed)
  return result !== false && result !== null
}

/** The same for the same event and Workflow, whoever runs it and however often. */
function runIdOf(event: CallEvent, plan: Plan): string {
  const workflow = hash('sha256', plan.uid, 'hex').slice(0, 12)
  return `${event.id}-${workflow}`
}

/** A run before its first task. */
export function newRunState(plan: Plan, call: RunInput, event: CallEvent, total: number): RunState {
  const trace = readTrace(event.headers)
  return {
    version: 1,
    generation: plan.generation,
    workflow: { namespace: plan.namespace, name: plan.name, uid: plan.uid },
    eventId: event.id,
    startedAt: 0,
    call,
    ...(trace === undefined ? {} : { trace }),
    context: null,
    data: call,
    frames: [],
    phase: 'new',
    steps: 0,
    visits: {},
    ...(event.reply ? { reply: { id: event.reply.id, mode: event.reply.mode, total } } : {}),
    ...(event.socket ? { socketId: event.socket.id } : {}),
  }
}

/** Tells the caller, if one waits, that the event starts no run. */
export async function settleNoRun(state: RunnerState, { reply, webhook }: CallEvent): Promise<void> {
  if (!reply) return
  const address: ReplyAddress = { replyId: reply.id, namespace: webhook.namespace }
  await state.settle(address, { runId: '', failed: false, total: 0 })
}

/** Tells the waiting caller how a run ended that has not replied. */
export async function settleRun(
  state: RunnerState,
  { runId, namespace, reply }: { runId: string; namespace: string; reply: NonNullable<RunState['reply']> },
  outcome: { kind: 'completed'; output: Json } | { kind: 'failed' },
): Promise<void> {
  const address: ReplyAddress = { replyId: reply.id, namespace }
  if (outcome.kind === 'completed' && reply.mode === 'Output')
    await state.reply(address, { kind: 'output', body: outcome.output })
  else await state.settle(address, { runId, failed: outcome.kind === 'failed', total: reply.total })
}
