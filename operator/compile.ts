/**
 * From resources to what the data plane serves. `hooklet dev` and the cluster's controllers use the same
 * steps: gather (the only one that reads), check, compile.
 */
import type { Webhook, Workflow } from '../crds/types.gen.ts'
import type { ObjectName } from '../kube/follow.ts'
import type { Expressions } from '../runner/expression/expression.ts'
import { nameOf, type ObjectSource, type PlanLookup, type Snapshot } from './source.ts'
import { valueOf } from './webhook/checks.ts'
import { gatherWebhook, type GatheredWebhook } from './webhook/gather.ts'
import { compareAge, createTokenClaims } from './tokens/token.ts'
import { finishWebhook, type CompiledWebhook } from './webhook/webhook.ts'
import { gatherWorkflow } from './workflow/gather.ts'
import { readWorkflow } from './workflow/read.ts'
import { finishWorkflow, type CompiledWorkflow } from './workflow/workflow.ts'

export interface CompileDeps {
  source: ObjectSource
  expressions: Expressions
  /** The operator's own namespace, when its globals apply to all namespaces. */
  sharedNamespace?: string
}

export async function compileWorkflow(workflow: Workflow, deps: CompileDeps): Promise<CompiledWorkflow> {
  const read = readWorkflow(workflow)
  return finishWorkflow(workflow, read, await gatherWorkflow(workflow, read.report, deps))
}

/** Compiles one Webhook. Whose token it is, `tokenOwner` tells once the token is known. */
export async function compileWebhook(
  webhook: Webhook,
  deps: CompileDeps & { planOf: PlanLookup; tokenOwner: (token: string | undefined) => Webhook | undefined },
): Promise<CompiledWebhook> {
  const gathered = await gatherWebhook(webhook, deps)
  return finish(webhook, gathered, deps.tokenOwner(tokenOf(gathered)))
}

export interface Compilation {
  webhooks: CompiledWebhook[]
  workflows: CompiledWorkflow[]
}

/**
 * Compiles everything that a snapshot holds. A Workflow that can't be compiled as it stands may have a plan
 * of before, which `keptPlan` gives.
 */
export async function compileAll(
  deps: CompileDeps & { source: Snapshot; keptPlan?: PlanLookup },
): Promise<Compilation> {
  const { webhooks } = deps.source
  const workflows = await inBatches(deps.source.workflows, (workflow) => compileWorkflow(workflow, deps))
  const plans = new Map(workflows.map(({ workflow, plan }) => [keyOf(nameOf(workflow)), plan]))
  const planOf: PlanLookup = (workflow) => plans.get(keyOf(workflow)) ?? deps.keptPlan?.(workflow)
  const gathered = await inBatches(webhooks, (webhook) => gatherWebhook(webhook, { ...deps, planOf }))
  const claims = createTokenClaims<Webhook>()
  const byAge = [...webhooks.entries()].toSorted(([, a], [, b]) => compareAge(a, b))
  for (const [index, webhook] of byAge) claims.claim(webhook, tokenOf(gathered[index]))
  return {
    webhooks: webhooks.flatMap((webhook, index) => {
      const found = gathered[index]
      const token = tokenOf(found)
      return found ? [finish(webhook, found, token === undefined ? undefined : claims.owner(token))] : []
    }),
    workflows,
  }
}

const keyOf = ({ namespace, name }: ObjectName): string => `${namespace}/${name}`

/** How many are read at the same time: enough to keep every worker busy, too few to fill its queue. */
const BATCH = 64

async function inBatches<Item, Result>(
  items: Item[],
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < items.length; start += BATCH) {
    results.push(...(await Promise.all(items.slice(start, start + BATCH).map(act))))
  }
  return results
}

const tokenOf = (gathered: GatheredWebhook | undefined): string | undefined =>
  gathered && valueOf(gathered.token)

function finish(
  webhook: Webhook,
  gathered: GatheredWebhook,
  tokenOwner: Webhook | undefined,
): CompiledWebhook {
  return finishWebhook({ webhook, gathered, ...(tokenOwner ? { tokenOwner } : {}) })
}
