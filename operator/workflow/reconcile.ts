import type { ConditionDraft, WorkflowConditionType } from '../../crds/contract.ts'
import type { Workflow } from '../../crds/types.gen.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { compileWorkflow } from '../compile.ts'
import { nameOf } from '../control/cache.ts'
import { report, type Control } from '../control/control.ts'
import { isTooLarge, keyOf } from '../control/resources.ts'
import type { CompiledWorkflow } from './workflow.ts'

/** Brings what runners execute in line with the Workflow of this name, whatever happened to it. */
export async function reconcileWorkflow(name: ObjectName, control: Control): Promise<void> {
  const workflow = control.cache.findWorkflow(name)
  if (!workflow || workflow.metadata.deletionTimestamp !== undefined) return forget(name, control)

  const compiled = await compile(workflow, control)
  const conditions = await publish(compiled, control)
  // It comes again when the last of its Webhooks leads to it.
  if (!leadTo(compiled, control)) return
  await report(workflow, { status: { webhooks: compiled.webhooks }, conditions }, control)
}

/** Whether the routes of its Webhooks lead to its plan as it is published by now; those that wait for it hear of it. */
function leadTo({ workflow, plan, webhooks }: CompiledWorkflow, control: Control): boolean {
  const { bindings, cache, publisher, enqueue } = control
  const name = nameOf(workflow)
  const present = webhooks.flatMap((webhook) => cache.findWebhook({ ...name, name: webhook }) ?? [])
  const first = bindings.decide(workflow)
  for (const { metadata } of first ? present : []) {
    const webhook = { ...name, name: metadata.name }
    if (!publisher.isPublished('route', webhook, metadata.uid ?? '')) enqueue(keyOf('Webhook', webhook))
  }
  const published = publisher.publishedPlan(name)
  if (!plan || !published) return true
  const lacking = present
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((webhook) => keyOf('Webhook', nameOf(webhook)))
    .filter((webhook) => !bindings.isBound(webhook, keyOf('Workflow', name), published))
  return lacking.length === 0
}

/** No call starts it any more. A run that is in hand goes on; one that sleeps ends when it wakes, for want of a plan. */
async function forget(name: ObjectName, control: Control): Promise<void> {
  const { dependencies, bindings, publisher, formerPlans, api } = control
  dependencies.forget(keyOf('Workflow', name))
  bindings.forgetWorkflow(keyOf('Workflow', name))
  await publisher.withdraw('plan', name, api)
  await formerPlans.prune(name, undefined, api)
}

async function compile(workflow: Workflow, control: Control): Promise<CompiledWorkflow> {
  const { cache, dependencies, expressions, sharedNamespace, enqueue } = control
  const key = keyOf('Workflow', nameOf(workflow))
  const { compiled, changed } = await dependencies.track(key, () =>
    compileWorkflow(workflow, {
      source: cache,
      expressions,
      ...(sharedNamespace === undefined ? {} : { sharedNamespace }),
    }),
  )
  if (changed) enqueue(key)
  return compiled
}

type Conditions = ConditionDraft<WorkflowConditionType>[]

/** The plan as compiled. With a fault in the Workflow its last good plan stays. */
async function publish(
  { workflow, plan, conditions }: CompiledWorkflow,
  { publisher, formerPlans, api }: Control,
): Promise<Conditions> {
  const name = nameOf(workflow)
  const former = publisher.publishedPlan(name)
  if (!plan) {
    // A former Workflow of this name is not a former version of this one.
    if (!publisher.isPublished('plan', name, workflow.metadata.uid ?? ''))
      await publisher.withdraw('plan', name, api)
    return conditions
  }
  try {
    // Runs that sleep must find it at any time.
    if (former?.uid === plan.uid && former.generation < plan.generation)
      await formerPlans.keep(name, former, api)
    await publisher.publish('plan', plan, api)
    await formerPlans.prune(name, plan, api)
    return conditions
  } catch (error) {
    if (!isTooLarge(error)) throw error
    const message =
      'spec: compiles to a plan of more than 1 MiB, the most that an API server keeps: split the Workflow, or name smaller Secrets.'
    return conditions.map((draft) =>
      draft.type === 'Ready' ? { ...draft, status: 'False', reason: 'TooLarge', message } : draft,
    )
  }
}
