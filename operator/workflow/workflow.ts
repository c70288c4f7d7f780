import type { ConditionDraft, Reason, WorkflowConditionType } from '../../crds/contract.ts'
import { formatPath, formatPointer, type Fault } from '../../crds/fault.ts'
import type { Workflow } from '../../crds/types.gen.ts'
import type { Plan } from '../../runner/plan.ts'
import type { Problem } from '../problem.ts'
import type { Reference } from '../references.ts'
import { namespaceOf } from '../source.ts'
import type { GatheredWorkflow } from './gather.ts'
import type { ReadWorkflow } from './read.ts'

/** The version of the standard that plans are made for. */
const DSL_VERSION = '1.0.3'

/** What became of one Workflow. */
export interface CompiledWorkflow {
  workflow: Workflow
  /** Absent when it can't be run as it stands. */
  plan?: Plan
  conditions: ConditionDraft<WorkflowConditionType>[]
  /** Mistakes in it, each with its place. */
  faults: Fault[]
  /** Constructs that can't be run yet, each with its place. */
  unsupported: Fault[]
  /** What it refers to and is not there. */
  problems: Problem[]
  /** The Webhooks that start it and exist, for `status.webhooks`. */
  webhooks: string[]
  /** All that it was compiled from. */
  references: Reference[]
}

/** Check and compile, from what was read and gathered. Pure. */
export function finishWorkflow(
  workflow: Workflow,
  read: ReadWorkflow,
  gathered: GatheredWorkflow,
): CompiledWorkflow {
  const tidy = <Entry extends Fault>(entries: Entry[]): Entry[] => inOrder(distinct(entries), workflow)
  const faults = tidy([...read.report.faults, ...gathered.expressionFaults])
  const unsupported = tidy(read.report.unsupported)
  const problems = tidy(gathered.problems)
  // A Webhook that is missing starts nothing; the plan is there when it comes.
  const blocked = problems.some(({ reason }) => reason !== 'WebhookMissing')
  const runs = faults.length === 0 && unsupported.length === 0 && !blocked
  return {
    workflow,
    ...(runs ? { plan: compilePlan(workflow, read, gathered) } : {}),
    conditions: [
      readyCondition(workflow, { faults, unsupported, problems }),
      supportedCondition(unsupported),
    ],
    faults,
    unsupported,
    problems,
    webhooks: gathered.webhooks,
    references: gathered.references,
  }
}

function compilePlan(
  workflow: Workflow,
  read: ReadWorkflow,
  { globals, secretGlobals, secrets }: GatheredWorkflow,
): Plan {
  const { metadata, spec } = workflow
  const namespace = namespaceOf(workflow)
  const generation = metadata.generation ?? 1
  return {
    version: 1,
    namespace,
    name: metadata.name,
    uid: metadata.uid ?? '',
    generation,
    suspended: spec.suspend,
    triggers: read.triggers,
    globals,
    ...(secretGlobals ? { secretGlobals } : {}),
    secrets,
    document: { name: metadata.name, namespace, version: `0.0.${generation}`, dsl: DSL_VERSION },
    ...(read.input ? { input: read.input } : {}),
    ...(read.output ? { output: read.output } : {}),
    ...(read.timeout ? { timeout: read.timeout } : {}),
    do: read.do,
  }
}

interface Findings {
  faults: Fault[]
  unsupported: Fault[]
  problems: Problem[]
}

type Draft = CompiledWorkflow['conditions'][number]

const notReady = (reason: Reason, found: Fault[]): Draft => ({
  type: 'Ready',
  status: 'False',
  reason,
  message: summary(found),
})

function readyCondition(workflow: Workflow, { faults, unsupported, problems }: Findings): Draft {
  if (faults.length > 0) return notReady('InvalidTask', faults)
  if (unsupported.length > 0) return notReady('UnsupportedTask', unsupported)
  const [problem] = problems
  if (problem) return notReady(problem.reason, problems)
  if (workflow.spec.suspend) {
    return {
      type: 'Ready',
      status: 'True',
      reason: 'Suspended',
      message: 'No call starts it: spec.suspend is true.',
    }
  }
  const webhooks = workflow.spec.triggers.map(({ webhook }) => webhook).join(', ')
  return { type: 'Ready', status: 'True', reason: 'Serving', message: `Calls to ${webhooks} start it.` }
}

function supportedCondition(unsupported: Fault[]): Draft {
  if (unsupported.length === 0) {
    return { type: 'Supported', status: 'True', reason: 'Supported', message: 'Every construct can be run.' }
  }
  return { type: 'Supported', status: 'False', reason: 'UnsupportedTask', message: summary(unsupported) }
}

/** A condition's message is read at a glance; `hooklet lint` shows all. */
const MAX_SHOWN = 3
const MAX_MESSAGE = 2000

function summary(faults: Fault[]): string {
  const shown = faults.slice(0, MAX_SHOWN).map(({ path, message }) => `${place(path)}: ${message}`)
  const more = faults.length > MAX_SHOWN ? `; and ${faults.length - MAX_SHOWN} more` : ''
  return `${shown.join('; ').slice(0, MAX_MESSAGE)}${more}.`
}

/** Tasks are named by their pointer in the spec, as in the errors of runs. */
function place(path: Fault['path']): string {
  return path[1] === 'do' ? formatPointer(path.slice(1)) : formatPath(path)
}

/** A definition that is used twice is read twice. */
function distinct<Entry extends Fault>(entries: Entry[]): Entry[] {
  return [...new Map(entries.map((entry) => [JSON.stringify([entry.path, entry.message]), entry])).values()]
}

/** As the author wrote the fields, from top to bottom. */
function inOrder<Entry extends Fault>(entries: Entry[], workflow: Workflow): Entry[] {
  return entries.toSorted((a, b) => compareOrder(a.path, b.path, workflow))
}

function compareOrder(a: Fault['path'], b: Fault['path'], root: unknown): number {
  let value = root
  for (let depth = 0; depth < a.length && depth < b.length; depth++) {
    const [left, right] = [a[depth], b[depth]]
    if (left === undefined || right === undefined) break
    if (left !== right) return positionIn(value, left) - positionIn(value, right)
    value =
      typeof value === 'object' && value !== null
        ? (value as Record<string | number, unknown>)[left]
        : undefined
  }
  return a.length - b.length
}

/** What is missing comes last. */
function positionIn(value: unknown, key: string | number): number {
  if (typeof key === 'number') return key
  const position = typeof value === 'object' && value !== null ? Object.keys(value).indexOf(key) : -1
  return position < 0 ? Number.MAX_SAFE_INTEGER : position
}
