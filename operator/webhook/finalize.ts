/**
 * The end of a Webhook: out of the data plane first, then the Workflows that are to go with it, then it may
 * go.
 */
import { FINALIZER, INCLUDE_WORKFLOWS_ANNOTATION } from '../../crds/contract.ts'
import type { Webhook, Workflow } from '../../crds/types.gen.ts'
import { isNotFound } from '../../kube/error.ts'
import type { ObjectName } from '../../kube/follow.ts'
import { report, type Control } from '../control/control.ts'
import { deleteResource, isRefused, keyOf, patchFinalizers, refusalOf } from '../control/resources.ts'
import { nameOf } from '../source.ts'

export async function finalizeWebhook(webhook: Webhook, control: Control): Promise<void> {
  const { finalizers = [], annotations } = webhook.metadata
  await allowed(`the Secret of its route, in the namespace of the operator,`, { webhook, control }, () =>
    forgetWebhook(nameOf(webhook), control),
  )
  if (!finalizers.includes(FINALIZER)) return
  if (annotations?.[INCLUDE_WORKFLOWS_ANNOTATION] === 'true') await deleteWorkflows(webhook, control)
  const rest = finalizers.filter((finalizer) => finalizer !== FINALIZER)
  try {
    control.cache.take(await patchFinalizers(webhook, rest, control.api))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** It is gone: so is everything that was known of it. */
export async function forgetWebhook(name: ObjectName, control: Control): Promise<void> {
  const { claims, dependencies, publisher, bindings, enqueue, api } = control
  for (const key of bindings.forgetWebhook(keyOf('Webhook', name))) enqueue(key)
  dependencies.forget(keyOf('Webhook', name))
  await publisher.withdraw('route', name, api)
  for (const heir of claims.leave(name)) enqueue(keyOf('Webhook', nameOf(heir)))
}

async function deleteWorkflows(webhook: Webhook, control: Control): Promise<void> {
  const { namespace, name } = nameOf(webhook)
  for (const workflow of control.cache.workflowsOf({ namespace, name })) {
    if (workflow.metadata.deletionTimestamp !== undefined) continue
    await allowed(`the deletion of the Workflow ${workflow.metadata.name}`, { webhook, control }, () =>
      deleteWorkflow(workflow, name, control),
    )
  }
}

async function deleteWorkflow(workflow: Workflow, webhook: string, { api, events }: Control): Promise<void> {
  try {
    await deleteResource(workflow, api)
  } catch (error) {
    if (isNotFound(error)) return
    throw error
  }
  const note = `Deleted together with the Webhook ${webhook}, as its annotation ${INCLUDE_WORKFLOWS_ANNOTATION} asks.`
  await events.record(workflow, { type: 'Normal', reason: 'Deleted', action: 'Finalize', note }, api)
}

/** Who waits for the end of a Webhook reads there what is refused; it is tried again. */
async function allowed(
  what: string,
  { webhook, control }: { webhook: Webhook; control: Control },
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (isRefused(error)) {
      const message = `The Webhook can not go yet: ${what} ${refusalOf(error)}.`
      const ready = { type: 'Ready', status: 'False', reason: 'DeleteRefused', message } as const
      await report(
        webhook,
        { status: { workflows: webhook.status?.workflows ?? [] }, conditions: [ready] },
        control,
      )
    }
    throw error
  }
}
