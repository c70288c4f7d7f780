import { nameOf, type ObjectName } from '../../operator/source.ts'
import { webhookUrl } from '../../operator/tokens/url-secret.ts'
import type { CompiledWebhook } from '../../operator/webhook/webhook.ts'
import type { CompiledWorkflow } from '../../operator/workflow/workflow.ts'
import type { Route } from '../../ingress/route.ts'
import type { RouteTable } from '../../ingress/routes/table.ts'
import type { Expressions } from '../../runner/expression/expression.ts'
import type { PlanTable } from '../../runner/plans/table.ts'
import { compileObjects } from '../manifests/compile.ts'
import type { Finding } from '../manifests/compile.ts'
import type { StoredObject } from '../manifests/store.ts'
import type { Row } from './table.ts'
import type { TokenStore } from './tokens.ts'

export interface PublisherDeps {
  expressions: Expressions
  routes: RouteTable
  plans: PlanTable
  tokens: TokenStore
  baseUrl: string
  sharedGlobals: string | undefined
}

/** Compiles the objects and serves the result; tells what is served and what is not taken. */
export type Publish = (objects: StoredObject[]) => Promise<{ rows: Row[]; findings: Finding[] }>

/**
 * Serves what a folder holds. A Workflow with a fault keeps its last good plan; a Webhook that misses a
 * Secret or global is closed (503) until it is there.
 */
export function createPublisher({
  expressions,
  routes,
  plans,
  tokens,
  baseUrl,
  sharedGlobals,
}: PublisherDeps): Publish {
  let served: ObjectName[] = []
  let running: ObjectName[] = []

  const serveRoutes = (webhooks: CompiledWebhook[]): void => {
    const wanted = webhooks.flatMap(({ route }) => (route ? [route] : []))
    // Removed first: a new webhook may take over the token of one that is gone.
    for (const name of leftOut(served, wanted)) routes.remove(name)
    for (const route of wanted) routes.put(route)
    served = wanted.map(({ namespace, name }) => ({ namespace, name }))
  }

  const servePlans = (workflows: CompiledWorkflow[]): void => {
    const present = workflows.map(({ workflow }) => nameOf(workflow))
    for (const name of leftOut(running, present)) plans.remove(name)
    for (const { plan } of workflows) if (plan) plans.put(plan)
    running = present
  }

  return async (objects) => {
    const { webhooks, workflows, findings } = await compileObjects(objects, {
      expressions,
      sharedGlobals,
      tokenOf: tokens.tokenOf,
      keptPlan: plans.current,
    })
    // A route names the plans that its calls are for.
    servePlans(workflows)
    serveRoutes(webhooks)
    return { rows: webhooks.flatMap((compiled) => rowOf(compiled, baseUrl)), findings }
  }
}

function leftOut(before: ObjectName[], now: ObjectName[]): ObjectName[] {
  const kept = new Set(now.map(({ namespace, name }) => `${namespace}/${name}`))
  return before.filter(({ namespace, name }) => !kept.has(`${namespace}/${name}`))
}

function rowOf({ webhook, route, problem }: CompiledWebhook, baseUrl: string): Row[] {
  if (!route) return []
  // As compiled: both halves of basic may be blank, which asks for nothing.
  const { basic, bearer } = route.auth ?? {}
  return [
    {
      namespace: route.namespace,
      name: route.name,
      url: webhookUrl(baseUrl, webhook, route.token),
      token: route.token,
      type: route.type,
      auth: basic ? 'basic' : bearer ? 'bearer' : 'none',
      verification: webhook.spec.verification.type,
      ...(problem ? { problem: problem.message } : {}),
      ...idlenessOf(route),
    },
  ]
}

function idlenessOf({ state, workflows = [] }: Route): Pick<Row, 'idle'> {
  if (state === 'Suspended') return { idle: 'suspended: calls start nothing' }
  if (state === 'Paused') return { idle: 'paused: all of its Workflows are suspended' }
  return state === 'Active' && workflows.length === 0 ? { idle: 'no Workflow has a trigger for it yet' } : {}
}
