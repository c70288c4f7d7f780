/** From one event to its runs: which Workflows it triggers, and what is told to the caller who waits. */
import { hash } from 'node:crypto'
import type { CallEvent, Json } from '../state/event.ts'
import type { EventDelivery, ReplyAddress, RunnerState, RunRef } from '../state/state.ts'
import { readTrace } from '../state/trace-context.ts'
import type { Problem } from './run/problem.ts'
import { asProblem } from './run/recognise.ts'
import type { Machinery } from './run/run.ts'
import { withoutSecrets } from './engine/evaluator.ts'
import type { RunState } from './run/run-state.ts'
import type { Plan, Program } from './plan.ts'
import type { PlanLookup } from './plans/lookup.ts'
import type { PlanRef, PlanTable } from './plans/table.ts'
import type { RunInput } from './request/input.ts'
import type { Soon } from './soon.ts'
import { whenThere } from './soon.ts'

/** A Workflow that an event may start, and the run that it would have. */
export interface Candidate {
  ref: PlanRef
  run: RunRef
  /** The event names another Workflow of this name: it is of this one only if that one is gone. */
  named?: PlanRef
}

/**
 * The Workflows that the event was accepted for, and those that this runner knows to be triggered besides:
 * the route may have been behind. A redelivered event finds by them the runs that it has begun.
 */
export function candidatesOf(delivery: EventDelivery, plans: PlanTable): Candidate[] {
  const { event } = delivery
  const { namespace, name: webhook } = event.webhook
  const named = (event.workflows ?? []).map((workflow) => ({ namespace, ...workflow }))
  const candidates: Candidate[] = named.map((ref) => ({ ref, run: runOf(delivery, ref) }))
  for (const ref of plans.triggeredBy(namespace, webhook)) {
    if (named.some(({ uid }) => uid === ref.uid)) continue
    const candidate = { ref, run: runOf(delivery, ref) }
    const other = named.find(({ name }) => name === ref.name)
    candidates.push(other ? { ...candidate, named: other } : candidate)
  }
  return candidates
}

/** Names the same run for the same event and Workflow, whoever runs it and however often. */
function runOf({ event, partition, entry, deliveries }: EventDelivery, { uid }: PlanRef): RunRef {
  const runId = `${event.id}-${hash('sha256', uid, 'hex').slice(0, 12)}`
  const ref = { partition, runId, epoch: deliveries, webhook: event.webhook }
  return deliveries > 1 ? { ...ref, entry } : ref
}

/** The plan by which a run is to be started, and why it fails before its first task, if it does. */
export interface Start {
  plan: Plan
  problem?: Problem
}

/**
 * By what the event starts a run of the candidate; undefined when it starts none. One whose condition can't be
 * evaluated counts as a run that failed.
 */
export function startOf(
  { ref, named }: Candidate,
  call: RunInput,
  { lookup, machinery }: { lookup: PlanLookup; machinery: Pick<Machinery, 'expressions' | 'onFault'> },
): Soon<Start | undefined> {
  const found = named ? planUnless(named, ref, lookup) : lookup.startable(ref)
  return whenThere(found, (plan) => {
    if (!plan || plan.suspended) return undefined
    const { namespace, name } = call.webhook
    const trigger = plan.triggers.find(({ webhook }) => webhook === name && plan.namespace === namespace)
    return trigger?.when ? startIf(trigger.when, { plan, call, machinery }) : trigger && { plan }
  })
}

async function planUnless(named: PlanRef, ref: PlanRef, lookup: PlanLookup): Promise<Plan | undefined> {
  return (await lookup.startable(named)) ? undefined : await lookup.startable(ref)
}

async function startIf(
  when: Program,
  {
    plan,
    call,
    machinery,
  }: { plan: Plan; call: RunInput; machinery: Pick<Machinery, 'expressions' | 'onFault'> },
): Promise<Start | undefined> {
  const variables = Object.entries({ globals: plan.globals, secrets: plan.secrets })
  const passed = Object.fromEntries(variables.filter(([variable]) => when.variables.includes(variable)))
  try {
    const result = await machinery.expressions.evaluate(when, call, passed)
    return result !== false && result !== null ? { plan } : undefined
  } catch (error) {
    return { plan, problem: asProblem(withoutSecrets(error, when, plan), '/', machinery).problem }
  }
}

/** A run before its first task. */
export function newRunState(plan: Plan, call: RunInput, event: CallEvent, total: number): RunState {
  const runState: RunState = {
    version: 1,
    generation: plan.generation,
    workflow: { namespace: plan.namespace, name: plan.name, uid: plan.uid },
    eventId: event.id,
    startedAt: 0,
    call,
    context: null,
    data: call,
    frames: [],
    phase: 'new',
    steps: 0,
    visits: {},
  }
  const trace = readTrace(event.headers)
  if (trace) runState.trace = trace
  if (event.reply) runState.reply = { id: event.reply.id, mode: event.reply.mode, total }
  if (event.socket) runState.socketId = event.socket.id
  return runState
}

/**
 * Tells the caller, if one still waits, that no run of the event is left; each of those that were, if any,
 * has been over before.
 */
export async function settleNoneLeft(
  state: RunnerState,
  { reply, webhook }: CallEvent,
  over: { run: RunRef }[],
): Promise<void> {
  if (!reply) return
  const address: ReplyAddress = { replyId: reply.id, namespace: webhook.namespace }
  await state.settle(address, { runId: over[0]?.run.runId ?? '', failed: false, total: over.length })
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
