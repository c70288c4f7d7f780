/**
 * Golden files: manifests, a line of dashes, and what they compile to.
 * `UPDATE_GOLDEN=1 npm test -- test/operator` writes the second part anew; the diff then shows the change of
 * behaviour.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import { createAdmission, type Resource } from '../../cli/admission/admission.ts'
import type { ConditionDraft } from '../../crds/contract.ts'
import { formatPath, type Fault } from '../../crds/fault.ts'
import { compileAll, type Compilation } from '../../operator/compile.ts'
import { referenceKey } from '../../operator/references.ts'
import { createSnapshot, type ObjectName } from '../../operator/source.ts'
import type { Expressions } from '../../runner/expression/expression.ts'

export interface GoldenFile {
  name: string
  input: string
  /** Compares, or writes when asked to; gives what the file expects. */
  expected: (actual: string) => string
}

const LINE = '\n-----\n'

export function goldenFiles(folder: URL): GoldenFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.golden'))
    .toSorted()
    .map((name) => {
      const file = new URL(name, folder)
      const [input = '', expected = ''] = readFileSync(file, 'utf8').split(LINE)
      return {
        name: name.replace('.golden', ''),
        input,
        expected: (actual) => {
          if (process.env.UPDATE_GOLDEN !== '1') return expected
          writeFileSync(file, `${input}${LINE}${actual}`)
          return actual
        },
      }
    })
}

const admission = createAdmission()

/** Objects as an API server stores them. */
export function stored(yaml: string): Resource[] {
  return parseAllDocuments(yaml).map((document, index) => {
    const { object, faults } = admission.admit(document.toJS())
    if (!object)
      throw new Error(faults.map(({ path, message }) => `${formatPath(path)}: ${message}`).join('\n'))
    const defaults = {
      namespace: 'default',
      uid: `uid-${index}`,
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    }
    return { ...object, metadata: { ...defaults, ...object.metadata } }
  })
}

const tokenOf = ({ name }: ObjectName): string => `generated-token-of-${name}`.padEnd(32, '_')

/** Compiles all of a file; a Webhook `x` without a token of its own has `generated-token-of-x…`. */
export function compileText(yaml: string, expressions: Expressions): Promise<Compilation> {
  return compileAll({
    source: createSnapshot(stored(yaml), tokenOf),
    expressions,
    sharedNamespace: 'hooklet',
  })
}

export const showConditions = (conditions: ConditionDraft[]): string[] =>
  conditions.map(({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`)

export const showFaults = (title: string, faults: Fault[]): string[] =>
  faults.map(({ path, message }) => `${title} ${formatPath(path)}: ${message}`)

export function showWebhooks({ webhooks }: Compilation): string {
  return webhooks
    .map(({ webhook, route, conditions, workflows, references }) =>
      [
        `# Webhook ${webhook.metadata.namespace}/${webhook.metadata.name}`,
        ...showConditions(conditions),
        `workflows: ${workflows.join(', ') || 'none'}`,
        `reads: ${references.map(referenceKey).join(', ')}`,
        `route: ${route ? JSON.stringify(route, null, 2) : 'none'}`,
      ].join('\n'),
    )
    .join('\n\n')
    .concat('\n')
}

export function showWorkflows({ workflows }: Compilation): string {
  return workflows
    .map(({ workflow, plan, conditions, faults, unsupported, webhooks, references }) =>
      [
        `# Workflow ${workflow.metadata.namespace}/${workflow.metadata.name}`,
        ...showConditions(conditions),
        ...showFaults('fault', faults),
        ...showFaults('unsupported', unsupported),
        `webhooks: ${webhooks.join(', ') || 'none'}`,
        `reads: ${references.map(referenceKey).join(', ')}`,
        `plan: ${plan ? JSON.stringify(plan, null, 2) : 'none'}`,
      ].join('\n'),
    )
    .join('\n\n')
    .concat('\n')
}
