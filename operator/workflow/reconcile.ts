import type { ConditionDraft, Reason, WorkflowConditionType } from '../../crds/contract.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { compileWorkflow } from '../compile.ts'
import { report, type Control } from '../control/control.ts'
import { findOverlooked } from '../control/overlooked.ts'
import { isRefused, isTooLarge, keyOf, refusalOf } from '../control/resources.ts'
import { nameOf } from '../source.ts'
import type { CompiledWorkflow } from './workflow.ts'

/** Brings what runners execute in line with the Workflow of this name, whatever happened to it. */
export async function reconcileWorkflow(name: ObjectName, control: Control): Promise<void> {
  const workflow = control.cache.workflow(name) ?? (await findOverlooked('Workflow', name, control))
  if (!workflow || workflow.metadata.deletionTimestamp !== undefined) return forget(name, control)

  try {
    await putInPlace(workflow, control)
  } catch (error) {
    // It comes again; till then its Webhooks are served without it.
    decide(workflow, control)
    throw error
  }
}

async function putInPlace(workflow: Workflow, control: Control): Promise<void> {
  const compiled = await compile(workflow, control)
  const { conditions, refusal } = await publish(compiled, control)
  decide(workflow, control)
  // It comes again when the last of its Webhooks leads to it.
  if (!leadTo(compiled, control) && !refusal) return
  await report(workflow, { status: { webhooks: compiled.webhooks }, conditions }, control)
  // No change of the Workflow mends it.
  if (refusal) throw refusal
}

/** Webhooks that are not served yet need not wait for it any longer. */
function decide(workflow: Workflow, { bindings, publisher, enqueue, ...control }: Control): void {
  if (!bindings.decide(workflow)) return
  for (const { metadata } of triggersOf(workflow, control)) {
    const webhook = { ...nameOf(workflow), name: metadata.name }
    if (!publisher.isPublished('route', webhook, metadata.uid ?? '')) enqueue(keyOf('Webhook', webhook))
  }
}

/** The Webhooks that start it, as far as they exist. */
function triggersOf(workflow: Workflow, { cache }: Pick<Control, 'cache'>): Webhook[] {
  const { namespace } = nameOf(workflow)
  return workflow.spec.triggers.flatMap(({ webhook }) => cache.webhook({ namespace, name: webhook }) ?? [])
}

/**
 * Whether the routes of its Webhooks lead to its plan as it is published by now; those that don't tell when
 * they do.
 */
function leadTo({ workflow, plan }: CompiledWorkflow, { bindings, cache, publisher }: Control): boolean {
  const name = nameOf(workflow)
  const published = publisher.publishedPlan(name)
  if (!plan || !published) return true
  const lacking = triggersOf(workflow, { cache })
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((webhook) => keyOf('Webhook', nameOf(webhook)))
    .filter((webhook) => !bindings.isBound(webhook, keyOf('Workflow', name), published))
  return lacking.length === 0
}

/**
 * No call starts it any more. A run that is in hand goes on; one that sleeps ends when it wakes, for want of
 * a plan.
 */
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

interface Published {
  conditions: ConditionDraft<WorkflowConditionType>[]
  /** What the API server said when it did not take the plan. */
  refusal?: Error
}

/** The plan as compiled. With a fault in the Workflow its last good plan stays. */
async function publish(
  { workflow, plan, conditions }: CompiledWorkflow,
  { publisher, formerPlans, api }: Control,
): Promise<Published> {
  const name = nameOf(workflow)
  const former = publisher.publishedPlan(name)
  if (!plan) {
    // A former Workflow of this name is not a former version of this one.
    if (!publisher.isPublished('plan', name, workflow.metadata.uid ?? ''))
      await publisher.withdraw('plan', name, api)
    return { conditions }
  }
  try {
    // Runs that sleep must find it at any time.
    if (former?.uid === plan.uid && former.generation < plan.generation)
      await formerPlans.keep(name, former, api)
    await publisher.publish('plan', plan, api)
    await formerPlans.prune(name, plan, api)
    return { conditions }
  } catch (error) {
    const notReady = (reason: Reason, message: string): Published['conditions'] =>
      conditions.map((draft) =>
        draft.type === 'Ready' ? { ...draft, status: 'False', reason, message } : draft,
      )
    if (isTooLarge(error)) {
      const message =
        'spec: compiles to a plan of more than 1 MiB, the most that an API server keeps: split the Workflow, or name smaller Secrets.'
      return { conditions: notReady('TooLarge', message) }
    }
    if (!isRefused(error)) throw error
    const message = `metadata.name: the Secret of its plan, in the namespace of the operator, ${refusalOf(error)}.`
    return { conditions: notReady('PublishRefused', message), refusal: error }
  }
}
