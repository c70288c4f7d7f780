import type { ValueSource, Webhook } from '../../crds/types.gen.ts'
import type { Path } from '../../crds/fault.ts'
import type { ObjectName } from '../../kube/follow.ts'
import type { Expressions } from '../../runner/expression/expression.ts'
import type { Result } from '../problem.ts'
import { distinctReferences, type Reference } from '../references.ts'
import { nameOf, type ObjectSource, type PlanLookup, type PublishedPlan } from '../source.ts'
import { createValueResolver, type ValueResolver } from '../values/value-source.ts'

/** All that a Webhook refers to, read; nothing after this does I/O. */
export interface GatheredWebhook {
  token: Result<string>
  /** Only the halves that are given. */
  basic?: { username?: Result<string>; password?: Result<string> }
  bearer?: Result<string>[]
  verification: { code?: Result<string>; secrets?: Result<string>[]; publicKeys?: Result<string>[] }
  /** The Workflows with a trigger on it, by name. */
  workflows: GatheredTarget[]
  references: Reference[]
}

/** A Workflow that the Webhook starts. */
export interface GatheredTarget {
  name: string
  /** By its spec, or still by its plan. */
  suspended: boolean
  /** Absent when it has none: runners can't start it. */
  plan?: PublishedPlan
}

export interface GatherDeps {
  source: ObjectSource
  planOf: PlanLookup
  expressions: Expressions
  /** The operator's own namespace, when its globals apply to all namespaces. */
  sharedNamespace?: string
}

export async function gatherWebhook(webhook: Webhook, deps: GatherDeps): Promise<GatheredWebhook> {
  const { namespace, name } = nameOf(webhook)
  const { sharedNamespace } = deps
  const scope = { namespace, ...(sharedNamespace === undefined ? {} : { sharedNamespace }) }
  const resolver = createValueResolver({ ...deps, scope })
  const { auth } = webhook.spec

  const gathered: GatheredWebhook = {
    token: await gatherToken(webhook, deps.source, resolver),
    verification: await gatherVerification(webhook, resolver),
    workflows: gatherWorkflows({ namespace, name }, deps),
    references: [],
  }
  if (auth?.basic) gathered.basic = await gatherBasic(auth.basic, resolver)
  if (auth?.bearer)
    gathered.bearer = await resolveAll(auth.bearer.tokens, ['spec', 'auth', 'bearer', 'tokens'], resolver)
  gathered.references = distinctReferences([
    ...resolver.references,
    { kind: 'WorkflowsOf', namespace, name },
    ...gathered.workflows.map((workflow) => ({ kind: 'Plan', namespace, name: workflow.name }) as const),
    ...(webhook.spec.tokenFrom ? [] : [{ kind: 'GeneratedToken', namespace, name } as const]),
  ])
  return gathered
}

async function gatherToken(
  webhook: Webhook,
  source: ObjectSource,
  resolver: ValueResolver,
): Promise<Result<string>> {
  const { tokenFrom } = webhook.spec
  if (tokenFrom) return resolver.secretKey(tokenFrom.secretKeyRef, ['spec', 'tokenFrom', 'secretKeyRef'])
  const value = source.generatedToken(nameOf(webhook))
  if (value !== undefined) return { value }
  return {
    problem: {
      reason: 'TokenMissing',
      message: 'has no URL token yet: it is being made',
      path: ['metadata', 'name'],
    },
  }
}

async function gatherBasic(
  basic: { username?: ValueSource; password?: ValueSource },
  resolver: ValueResolver,
): Promise<NonNullable<GatheredWebhook['basic']>> {
  const path = ['spec', 'auth', 'basic']
  const result: NonNullable<GatheredWebhook['basic']> = {}
  if (basic.username) result.username = await resolver.resolve(basic.username, [...path, 'username'])
  if (basic.password) result.password = await resolver.resolve(basic.password, [...path, 'password'])
  return result
}

async function gatherVerification(
  { spec: { verification } }: Webhook,
  resolver: ValueResolver,
): Promise<GatheredWebhook['verification']> {
  const path = ['spec', 'verification']
  const result: GatheredWebhook['verification'] = {}
  const { code, secrets, jwt } = verification
  if (code) result.code = await resolver.resolve(code, [...path, 'code'])
  if (secrets) result.secrets = await resolveAll(secrets, [...path, 'secrets'], resolver)
  if (jwt?.publicKeys)
    result.publicKeys = await resolveAll(jwt.publicKeys, [...path, 'jwt', 'publicKeys'], resolver)
  return result
}

function resolveAll(values: ValueSource[], path: Path, resolver: ValueResolver): Promise<Result<string>[]> {
  return Promise.all(values.map((value, index) => resolver.resolve(value, [...path, index])))
}

function gatherWorkflows(
  webhook: ObjectName,
  { source, planOf }: Pick<GatherDeps, 'source' | 'planOf'>,
): GatheredTarget[] {
  return source
    .workflowsOf(webhook)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata, spec }): GatheredTarget => {
      const plan = planOf({ ...webhook, name: metadata.name })
      // The plan of a former Workflow of this name is about to go.
      const own = plan?.uid === metadata.uid ? plan : undefined
      const suspended = spec.suspend || own?.suspended === true
      return { name: metadata.name, suspended, ...(own ? { plan: own } : {}) }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
