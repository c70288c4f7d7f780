import type { ConditionDraft, WebhookConditionType } from '../../crds/contract.ts'
import type { Webhook } from '../../crds/types.gen.ts'
import type { Route } from '../../ingress/route.ts'
import type { Problem } from '../problem.ts'
import type { Reference } from '../references.ts'
import { checkWebhook, type CheckInput } from './checks.ts'
import { compileRoute } from './compile.ts'
import { webhookConditions } from './conditions.ts'
import type { GatheredTarget } from './gather.ts'

/** What became of one Webhook. */
export interface CompiledWebhook {
  webhook: Webhook
  /** Absent when it has no token of its own: its URL is 404. */
  route?: Route
  conditions: ConditionDraft<WebhookConditionType>[]
  /** Why it is not Ready. */
  problem?: Problem
  /** The names of the Workflows that it triggers, for `status.workflows`. */
  workflows: string[]
  /** The same, with what is published of each. */
  targets: GatheredTarget[]
  /** All that it was compiled from. */
  references: Reference[]
}

/** Check and compile, from what was gathered. Pure. */
export function finishWebhook(input: CheckInput): CompiledWebhook {
  const problem = checkWebhook(input)
  const route = compileRoute(input, problem)
  return {
    webhook: input.webhook,
    ...(route ? { route } : {}),
    conditions: webhookConditions(input, problem),
    ...(problem ? { problem } : {}),
    workflows: input.gathered.workflows.map(({ name }) => name),
    targets: input.gathered.workflows,
    references: input.gathered.references,
  }
}
