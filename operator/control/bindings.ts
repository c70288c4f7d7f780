/**
 * What holds Webhooks and Workflows together while they are put in place one by one: a route names the plans
 * that its calls are for, so that it is published after them; and a Workflow is Ready only when the routes
 * lead to it, so that who waits for that and calls then starts it.
 */
import type { Workflow } from '../../crds/types.gen.ts'
import { nameOf, type PublishedPlan } from '../source.ts'
import { keyOf } from './resources.ts'

/** By the keys that work is queued by. */
export interface Bindings {
  /**
   * Notes that this Workflow was compiled, and its plan published if it has one. False: it was noted already.
   */
  decide(workflow: Workflow): boolean
  /** Whether it was compiled as it stands. */
  isDecided(workflow: Workflow): boolean
  /**
   * Notes the plans, by Workflow, that the Webhook was compiled with and put in place. Gives the Workflows
   * that wait for that.
   */
  bind(webhook: string, plans: Map<string, PublishedPlan>): string[]
  /** Whether the Webhook was put in place with this plan. If not, the Workflow waits. */
  isBound(webhook: string, workflow: string, plan: PublishedPlan): boolean
  /** The Webhook is gone. Gives the Workflows that wait for it. */
  forgetWebhook(webhook: string): string[]
  forgetWorkflow(workflow: string): void
}

export function createBindings(): Bindings {
  const decided = new Map<string, string>()
  const bound = new Map<string, Map<string, string>>()
  const waiting = new Map<string, Set<string>>()

  const release = (webhook: string): string[] => {
    const workflows = [...(waiting.get(webhook) ?? [])]
    waiting.delete(webhook)
    return workflows
  }

  return {
    decide(workflow) {
      const key = keyOf('Workflow', nameOf(workflow))
      const version = versionOf(workflow)
      if (decided.get(key) === version) return false
      decided.set(key, version)
      return true
    },
    isDecided: (workflow) => decided.get(keyOf('Workflow', nameOf(workflow))) === versionOf(workflow),
    bind(webhook, plans) {
      bound.set(webhook, new Map([...plans].map(([workflow, plan]) => [workflow, stampOf(plan)])))
      return release(webhook)
    },
    isBound(webhook, workflow, plan) {
      if (bound.get(webhook)?.get(workflow) === stampOf(plan)) return true
      const workflows = waiting.get(webhook) ?? new Set()
      waiting.set(webhook, workflows.add(workflow))
      return false
    },
    forgetWebhook(webhook) {
      bound.delete(webhook)
      return release(webhook)
    },
    forgetWorkflow: (workflow) => void decided.delete(workflow),
  }
}

const versionOf = ({ metadata }: Workflow): string => `${metadata.uid}/${metadata.generation}`

const stampOf = ({ uid, generation, suspended }: PublishedPlan): string => `${uid}/${generation}/${suspended}`
