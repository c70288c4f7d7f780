import type { Workflow } from '../../crds/types.gen.ts'
import type { Fault } from '../../crds/fault.ts'
import type { Expressions } from '../../runner/expression/expression.ts'
import { membersRead, toleratesMissing } from '../../runner/expression/members.ts'
import type { Json, Program } from '../../runner/plan.ts'
import type { Problem } from '../problem.ts'
import { distinctReferences, type Reference } from '../references.ts'
import { namespaceOf, type ObjectSource } from '../source.ts'
import { readAll } from '../values/data.ts'
import { globalReferences, globalsInSecrets, pick, readGlobals } from '../values/globals.ts'
import type { Report } from './field.ts'

/** All that a Workflow refers to, read; nothing after this does I/O. */
export interface GatheredWorkflow {
  /** Only those globals that its expressions read. */
  globals: Record<string, Json>
  /** Whether one of them is of a Secret. */
  secretGlobals: boolean
  /** The Secrets of `use.secrets` that exist, by name. */
  secrets: Record<string, Record<string, Json>>
  /** What is referred to and not there. */
  problems: Problem[]
  /** What is wrong with expressions: what jq says, and Secrets that are read and not declared. */
  expressionFaults: Fault[]
  /** The Webhooks that its triggers name and that exist. */
  webhooks: string[]
  references: Reference[]
}

export interface GatherDeps {
  source: ObjectSource
  expressions: Expressions
  /** The operator's own namespace, when its globals apply to all namespaces. */
  sharedNamespace?: string
}

export async function gatherWorkflow(
  workflow: Workflow,
  report: Report,
  deps: GatherDeps,
): Promise<GatheredWorkflow> {
  const gathered: GatheredWorkflow = {
    globals: {},
    secretGlobals: false,
    secrets: {},
    problems: [],
    expressionFaults: await checkExpressions(report, deps.expressions),
    webhooks: [],
    references: [],
  }
  gatherGlobals(workflow, report, { ...deps, gathered })
  await gatherSecrets(workflow, report, { ...deps, gathered })
  gatherWebhooks(workflow, { ...deps, gathered })
  gathered.references = distinctReferences(gathered.references)
  return gathered
}

type Gathering = GatherDeps & { gathered: GatheredWorkflow }

async function checkExpressions({ programs }: Report, expressions: Expressions): Promise<Fault[]> {
  if (programs.length === 0) return []
  const messages = await expressions.check(programs.map(({ program }) => program))
  return programs.flatMap(({ path }, index) => {
    const message = messages[index]
    return message === undefined ? [] : [{ path, message: `has a fault in its expression: ${message}` }]
  })
}

function gatherGlobals(workflow: Workflow, { programs }: Report, { gathered, ...deps }: Gathering): void {
  const read = membersRead(
    programs.map(({ program }) => program),
    'globals',
  )
  if (read !== 'all' && read.size === 0) return
  const scope = {
    namespace: namespaceOf(workflow),
    ...(deps.sharedNamespace === undefined ? {} : { sharedNamespace: deps.sharedNamespace }),
  }
  gathered.references.push(...globalReferences(read, scope))
  const globals = readGlobals(deps.source, scope, 'json')
  gathered.globals = pick(globals, read)
  const inSecrets = globalsInSecrets(deps.source, scope)
  gathered.secretGlobals = Object.keys(gathered.globals).some((name) => inSecrets.has(name))
  for (const { program, path } of programs) {
    const missing = missingMember(program, 'globals', Object.keys(globals))
    if (missing === undefined) continue
    const message = `reads the global ${missing}, which no labelled ConfigMap or Secret has: add it`
    gathered.problems.push({ reason: 'NotFound', path, message })
  }
}

async function gatherSecrets(
  workflow: Workflow,
  { programs }: Report,
  { gathered, source }: Gathering,
): Promise<void> {
  const names = workflow.spec.use?.secrets ?? []
  const namespace = namespaceOf(workflow)
  for (const [index, name] of names.entries()) {
    gathered.references.push({ kind: 'Secret', namespace, name })
    const secret = await source.secret({ namespace, name })
    if (secret) gathered.secrets[name] = readAll(secret, 'digits-kept')
    else {
      const message = `names the Secret ${name}, which does not exist: create it`
      gathered.problems.push({ reason: 'NotFound', path: ['spec', 'use', 'secrets', index], message })
    }
  }
  for (const { program, path } of programs) {
    const missing = missingMember(program, 'secrets', names)
    if (missing === undefined) continue
    gathered.expressionFaults.push({
      path,
      message: `reads the Secret ${missing}, which is not in use.secrets: add it there`,
    })
  }
}

/** A member that the program reads by name, that is not there, and without which it can't do. */
function missingMember(program: Program, variable: string, names: string[]): string | undefined {
  const read = membersRead([program], variable)
  if (read === 'all' || toleratesMissing(program)) return undefined
  return [...read].find((name) => !names.includes(name))
}

function gatherWebhooks(workflow: Workflow, { gathered, source }: Gathering): void {
  const namespace = namespaceOf(workflow)
  for (const [index, { webhook: name }] of workflow.spec.triggers.entries()) {
    gathered.references.push({ kind: 'Webhook', namespace, name })
    if (source.webhook({ namespace, name })) gathered.webhooks.push(name)
    else {
      const message = `names the Webhook ${name}, which does not exist in the namespace: create it, or remove the trigger`
      gathered.problems.push({
        reason: 'WebhookMissing',
        path: ['spec', 'triggers', index, 'webhook'],
        message,
      })
    }
  }
}
