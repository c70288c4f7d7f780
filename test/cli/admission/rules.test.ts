import { describe, expect, test } from '@jest/globals'
import { createAdmission, type Resource } from '../../../cli/admission/admission.ts'
import { formatPath } from '../../../crds/fault.ts'
import { CRD_FILES, readCrd, type Schema } from '../../../crds/schema.ts'
import { CASES, type RuleCase } from './rule-cases.ts'

const admission = createAdmission()

const manifest = ({ kind }: RuleCase, spec: unknown, name = 'orders'): unknown => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
})

const admitted = (object: unknown): Resource => {
  const verdict = admission.admit(object)
  expect(verdict.faults).toEqual([])
  if (!verdict.object) throw new Error('refused')
  return verdict.object
}

describe.each(CASES)('$kind $at: $message', (ruleCase) => {
  const { at, message, refused, passes } = ruleCase

  test.each(refused)('refuses %j', (spec) => {
    const { name, before } = ruleCase
    const previous = before === undefined ? undefined : admitted(manifest(ruleCase, before))
    const { faults } = admission.admit(manifest(ruleCase, spec, name), previous)
    expect(faults.map(({ path, message }) => ({ at: formatPath(path), message }))).toEqual([{ at, message }])
  })

  test.each(passes)('lets %j pass', (spec) => {
    const { before } = ruleCase
    const previous = before === undefined ? undefined : admitted(manifest(ruleCase, before))
    expect(admission.admit(manifest(ruleCase, spec), previous).faults).toEqual([])
  })
})

test('every CEL rule of the CRDs has a case that it refuses and one that passes', () => {
  const inFiles = CRD_FILES.map(readCrd).flatMap(({ kind, schema }) =>
    messages(schema).map((message) => `${kind}: ${message}`),
  )
  const inCases = CASES.map(({ kind, message }) => `${kind}: ${message}`)
  expect(new Set(inCases)).toEqual(new Set(inFiles))
  for (const { refused, passes } of CASES) {
    expect(refused.length).toBeGreaterThan(0)
    expect(passes.length).toBeGreaterThan(0)
  }
})

function messages(schema: Schema): string[] {
  const own = schema['x-kubernetes-validations']?.map(({ message }) => message) ?? []
  const children = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties]
  return [...own, ...children.flatMap((child) => (child ? messages(child) : []))]
}
