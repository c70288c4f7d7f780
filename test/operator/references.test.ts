import { afterAll, describe, expect, test } from '@jest/globals'
import type { Resource } from '../../cli/admission/admission.ts'
import { createDependencyIndex, referenceKey, touchedReferences } from '../../operator/references.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { compileText, stored } from './golden.ts'

const expressions = createExpressionPool()
afterAll(() => expressions.close())

const one = (yaml: string): Resource => {
  const [object] = stored(yaml)
  if (!object) throw new Error('no object')
  return object
}
const touched = (before: string | undefined, after: string | undefined): string[] =>
  touchedReferences(
    before === undefined ? undefined : one(before),
    after === undefined ? undefined : one(after),
  ).map(referenceKey)

const settings = (data: string, label = 'true'): string =>
  `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, labels: {hooklet.dev/globals: "${label}"}}, data: ${data}}`
const workflow = (webhooks: string): string =>
  `{apiVersion: hooklet.dev/v1alpha1, kind: Workflow, metadata: {name: ship}, spec: {triggers: [${webhooks}], do: [{a: {call: reply}}]}}`

describe('what a change touches', () => {
  test.each<[string, string | undefined, string | undefined, string[]]>([
    [
      'a global whose value changed, not the others',
      settings('{A: "1", B: "2"}'),
      settings('{A: "1", B: "3"}'),
      ['ConfigMap/default/settings', 'Global/default/*', 'Global/default/B'],
    ],
    [
      'globals that did not change',
      settings('{A: "1"}'),
      settings('{A: "1"}'),
      ['ConfigMap/default/settings'],
    ],
    [
      'globals that are no longer labelled',
      settings('{A: "1"}'),
      settings('{A: "1"}', 'false'),
      ['ConfigMap/default/settings', 'Global/default/*', 'Global/default/A'],
    ],
    [
      'a deleted global',
      settings('{A: "1"}'),
      undefined,
      ['ConfigMap/default/settings', 'Global/default/*', 'Global/default/A'],
    ],
    [
      'the Webhooks of a Workflow before and after',
      workflow('{webhook: a}, {webhook: b}'),
      workflow('{webhook: b}, {webhook: c}'),
      ['WorkflowsOf/default/a', 'WorkflowsOf/default/b', 'WorkflowsOf/default/c'],
    ],
    [
      'a Webhook',
      undefined,
      '{apiVersion: hooklet.dev/v1alpha1, kind: Webhook, metadata: {name: a}}',
      ['Webhook/default/a'],
    ],
    ['nothing', undefined, undefined, []],
  ])('%s', (_, before, after, expected) => {
    expect(touched(before, after)).toEqual(expected)
  })
})

describe('the dependency index', () => {
  test('finds exactly what read the object that changed', async () => {
    const { webhooks, workflows } = await compileText(
      `
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: { name: by-secret }
spec: { auth: { bearer: { tokens: [{ valueFrom: { secretKeyRef: { name: door, key: token } } }] } } }
---
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: { name: by-global }
spec: { auth: { bearer: { tokens: [{ value: '\${ $globals.TOKEN }' }] } } }
---
apiVersion: hooklet.dev/v1alpha1
kind: Webhook
metadata: { name: plain }
---
apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: { name: all-globals }
spec: { triggers: [{ webhook: plain }], do: [{ a: { set: '\${ $globals }' } }] }
---
apiVersion: hooklet.dev/v1alpha1
kind: Workflow
metadata: { name: by-missing-secret }
spec: { triggers: [{ webhook: gone }], use: { secrets: [api] }, do: [{ a: { call: reply } }] }
`,
      expressions,
    )
    const index = createDependencyIndex()
    for (const { webhook, references } of webhooks) index.set(webhook.metadata.name, references)
    for (const { workflow, references } of workflows) index.set(workflow.metadata.name, references)

    expect(index.dependents([{ kind: 'Secret', namespace: 'default', name: 'door' }])).toEqual(['by-secret'])
    expect(index.dependents([{ kind: 'Secret', namespace: 'default', name: 'api' }])).toEqual([
      'by-missing-secret',
    ])
    expect(index.dependents([{ kind: 'Secret', namespace: 'other', name: 'door' }])).toEqual([])
    expect(index.dependents([{ kind: 'Webhook', namespace: 'default', name: 'gone' }])).toEqual([
      'by-missing-secret',
    ])
    expect(
      index.dependents(touchedReferences(one(settings('{TOKEN: a}')), one(settings('{TOKEN: b}')))),
    ).toEqual(['all-globals', 'by-global'])
    expect(index.dependents(touchedReferences(undefined, one(settings('{OTHER: a}'))))).toEqual([
      'all-globals',
    ])
    expect(index.dependents(touchedReferences(undefined, one(workflow('{webhook: plain}'))))).toEqual([
      'plain',
    ])
  })

  test('forgets what a dependent read before', () => {
    const index = createDependencyIndex()
    const a = { kind: 'Secret', namespace: 'default', name: 'a' } as const
    const b = { kind: 'Secret', namespace: 'default', name: 'b' } as const
    index.set('x', [a])
    index.set('x', [b])
    expect(index.dependents([a])).toEqual([])
    expect(index.dependents([a, b])).toEqual(['x'])
    index.set('x', [])
    expect(index.dependents([b])).toEqual([])
  })
})
