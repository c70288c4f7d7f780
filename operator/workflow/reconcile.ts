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
  await report(workflow, { status: { webhooks: compiled.webhooks }, conditions }, control)
}

/** No call starts it any more. Runs under way end as their plan says. */
async function forget(name: ObjectName, { dependencies, publisher, api }: Control): Promise<void> {
  dependencies.forget(keyOf('Workflow', name))
  await publisher.withdraw('plan', name, api)
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
  { publisher, api }: Control,
): Promise<Conditions> {
  if (!plan) {
    // A former Workflow of this name is not a former version of this one.
    if (!publisher.isPublished('plan', nameOf(workflow), workflow.metadata.uid ?? ''))
      await publisher.withdraw('plan', nameOf(workflow), api)
    return conditions
  }
  try {
    await publisher.publish('plan', plan, api)
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
