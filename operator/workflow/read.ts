import { RUNTIME_VARIABLES } from '../../runner/expression/template.ts'
import type { Duration, InputPlan, OutputPlan, TaskPlan, Trigger } from '../../runner/plan.ts'
import type { Workflow, WorkflowSpec } from '../../crds/types.gen.ts'
import { readPolicy } from './authentication.ts'
import { readInput, readOutput } from './data-flow.ts'
import { definition, readDefinitions, type DefinitionKind } from './definitions.ts'
import { readTimeout, readTimeoutObject } from './durations.ts'
import { Field, readExpression, type Report, type Scope } from './field.ts'
import { readRetryPolicy } from './retries.ts'
import { compileTask, compileTasks } from './task-list.ts'
import { compileFunction } from './tasks/call.ts'
import { readError } from './tasks/raise.ts'

/** What `when` of a trigger may read: there is no run yet. */
const TRIGGER_VARIABLES = ['globals', 'secrets'] as const

/** The parts of a plan that follow from the Workflow alone. */
export interface ReadWorkflow {
  triggers: Trigger[]
  input?: InputPlan
  output?: OutputPlan
  timeout?: Duration
  do: TaskPlan[]
  report: Report
}

/** Reads a Workflow that was admitted: what it says, and all that is wrong with it. Pure. */
export function readWorkflow({ spec }: Workflow): ReadWorkflow {
  const report: Report = { faults: [], unsupported: [], programs: [], tasks: 0 }
  const scope: Scope = {
    report,
    variables: RUNTIME_VARIABLES,
    definitions: readDefinitions(spec.use),
    compileTasks,
    compileTask,
    depth: 0,
    functions: [],
  }
  const at = (name: keyof WorkflowSpec): Field | undefined =>
    spec[name] === undefined ? undefined : new Field(spec[name], ['spec', name], scope)

  const triggers = readTriggers(spec, scope)
  const input = readInput(at('input'))
  const output = readOutput(at('output'))
  const timeout = readTimeout(at('timeout'))
  const tasks = compileTasks(new Field(spec.do, ['spec', 'do'], scope), '/do')
  readDefinitionsOnce(new Field(spec.use, ['spec', 'use'], { ...scope, variables: 'any' }))
  readUnsupportedParts(spec, scope)
  return {
    triggers,
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
    ...(timeout ? { timeout } : {}),
    do: tasks,
    report,
  }
}

function readTriggers({ triggers }: WorkflowSpec, scope: Scope): Trigger[] {
  return triggers.map(({ webhook, when }, index) => {
    const inTrigger = { ...scope, variables: TRIGGER_VARIABLES }
    const program =
      when === undefined
        ? undefined
        : readExpression(new Field(when, ['spec', 'triggers', index, 'when'], inTrigger))
    return { webhook, ...(program ? { when: program } : {}) }
  })
}

/** What stands under `use` must be right even where nothing refers to it. */
function readDefinitionsOnce(use: Field): void {
  const readers: Record<DefinitionKind, (field: Field, name: string) => unknown> = {
    authentications: readPolicy,
    errors: readError,
    retries: readRetryPolicy,
    timeouts: readTimeoutObject,
    functions: (field, name) => compileFunction(field, name, '/use/functions'),
  }
  for (const [kind, read] of Object.entries(readers) as [
    DefinitionKind,
    (typeof readers)[DefinitionKind],
  ][]) {
    for (const name of Object.keys(use.scope.definitions[kind])) read(definition(use, kind, name), name)
  }
}

function readUnsupportedParts(spec: WorkflowSpec, scope: Scope): void {
  const { use, schedule, evaluate } = spec
  const unsupported = (path: string[], message: string): undefined =>
    new Field(undefined, ['spec', ...path], scope).unsupported(message)
  if (use?.extensions?.length) unsupported(['use', 'extensions'], 'extensions can not be run yet')
  if (Object.keys(use?.catalogs ?? {}).length > 0)
    unsupported(['use', 'catalogs'], 'catalogs can not be used yet')
  if (schedule !== undefined) unsupported(['schedule'], 'schedules can not be run yet: use a trigger')
  if (evaluate && evaluate.language !== 'jq') {
    unsupported(
      ['evaluate', 'language'],
      `expressions in ${evaluate.language} can not be run: write them in jq`,
    )
  }
  if (evaluate?.mode === 'loose')
    unsupported(['evaluate', 'mode'], 'mode loose can not be used: put expressions in ${ }')
}
