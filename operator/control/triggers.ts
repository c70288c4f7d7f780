import type { Workflow } from '../../crds/types.gen.ts'
import { namespaceOf } from '../source.ts'

/** The Workflows that each Webhook starts. */
export interface TriggerIndex {
  replace(before: Workflow | undefined, after: Workflow | undefined): void
  of(namespace: string, webhook: string): Workflow[]
}

export function createTriggerIndex(): TriggerIndex {
  const byWebhook = new Map<string, Map<string, Workflow>>()
  return {
    replace(before, after) {
      for (const key of webhooksOf(before)) {
        const workflows = byWebhook.get(key)
        workflows?.delete(before?.metadata.name ?? '')
        if (workflows?.size === 0) byWebhook.delete(key)
      }
      for (const key of webhooksOf(after)) {
        const workflows = byWebhook.get(key) ?? new Map<string, Workflow>()
        if (after) byWebhook.set(key, workflows.set(after.metadata.name, after))
      }
    },
    of: (namespace, webhook) => [...(byWebhook.get(`${namespace}/${webhook}`)?.values() ?? [])],
  }
}

function webhooksOf(workflow: Workflow | undefined): string[] {
  return workflow?.spec.triggers.map(({ webhook }) => `${namespaceOf(workflow)}/${webhook}`) ?? []
}
