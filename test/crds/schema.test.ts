import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { emitConditions } from '../../crds/generate/conditions.ts'
import { emitReference } from '../../crds/generate/reference.ts'
import { emitTypes } from '../../crds/generate/types.ts'
import { CRD_FILES, readCrd, type Crd, type Schema } from '../../crds/schema.ts'

const crds = CRD_FILES.map(readCrd)

/** Every field below spec and status with its path; metadata is Kubernetes' own. */
function fields(schema: Schema, path: string): [path: string, schema: Schema][] {
  const children = Object.entries(schema.properties ?? {}).filter(([name]) => name !== 'metadata')
  return [
    [path, schema],
    ...children.flatMap(([name, child]) => fields(child, `${path}.${name}`)),
    ...(schema.items ? fields(schema.items, `${path}[]`) : []),
    ...(schema.additionalProperties ? fields(schema.additionalProperties, `${path}.*`) : []),
  ]
}

const withoutBound = ([path, schema]: [string, Schema]): boolean => {
  if (/\.(apiVersion|kind)$/.test(path)) return false
  switch (schema.type ?? 'any') {
    case 'string':
      return schema.maxLength === undefined && !schema.enum && schema.format !== 'date-time'
    case 'array':
      return schema.maxItems === undefined
    case 'integer':
    case 'number':
      return schema.minimum === undefined || (schema.maximum === undefined && schema.format !== 'int64')
    case 'object':
      return Boolean(schema.additionalProperties) && schema.maxProperties === undefined
    case 'boolean':
    case 'any':
      return false
    default:
      throw new Error(`${path} has an unknown type`)
  }
}

describe.each(crds)('$kind', (crd: Crd) => {
  const all = fields(crd.schema, crd.kind)

  test('every field has a description', () => {
    expect(all.filter(([, { description }]) => !description).map(([path]) => path)).toEqual([])
  })

  test('every number, string, list and map is bounded', () => {
    expect(all.filter(withoutBound).map(([path]) => path)).toEqual([])
  })

  test('every rule says what to do', () => {
    const rules = all.flatMap(([, schema]) => schema['x-kubernetes-validations'] ?? [])
    expect(rules.filter(({ message }) => !message)).toEqual([])
  })

  test('the columns of kubectl get show what matters', () => {
    const shown = crd.columns.filter(({ priority }) => !priority).map(({ name }) => name.toUpperCase())
    const expected = {
      Webhook: ['URL', 'TYPE', 'VERIFICATION', 'READY', 'WORKFLOWS', 'AGE'],
      Workflow: ['WEBHOOKS', 'SUSPENDED', 'READY', 'AGE'],
    }
    expect(shown).toEqual(expected[crd.kind as keyof typeof expected])
  })

  test('the reference page is in step with the YAML', () => {
    const file = new URL(`../../docs/reference/${crd.kind.toLowerCase()}.md`, import.meta.url)
    expect(readFileSync(file, 'utf8')).toBe(emitReference(crd))
  })
})

const source = (maxLength: number): Schema => ({
  type: 'object',
  properties: { value: { type: 'string', maxLength }, valueFrom: { type: 'string' } },
})

test('the page of conditions is in step with the contract', () => {
  const file = new URL('../../docs/reference/conditions.md', import.meta.url)
  expect(readFileSync(file, 'utf8')).toBe(emitConditions())
})

describe('types', () => {
  const webhook: Schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: {} }, status: { type: 'object', properties: {} } },
  }
  const withSpec = (properties: Record<string, Schema>, required: string[] = []): Crd => ({
    kind: 'Webhook',
    plural: 'webhooks',
    shortNames: [],
    group: 'hooklet.dev',
    version: 'v1',
    columns: [],
    schema: {
      ...webhook,
      properties: { ...webhook.properties, spec: { type: 'object', properties, required } },
    },
  })

  test('are in step with the YAML', () => {
    const file = new URL('../../crds/types.gen.ts', import.meta.url)
    expect(readFileSync(file, 'utf8')).toBe(emitTypes(crds))
  })

  test('a field is optional unless it is required or has a default', () => {
    const types = emitTypes([
      withSpec({ a: { type: 'string' }, b: { type: 'string' }, c: { type: 'integer', default: 1 } }, ['b']),
    ])
    expect(types).toContain('  a?: string\n  b: string\n  /** Default: `1`. */\n  c: number\n')
  })

  test('copies of a shared shape must be equal', () => {
    expect(() => emitTypes([withSpec({ a: source(1), b: source(1) })])).not.toThrow()
    expect(() => emitTypes([withSpec({ a: source(1), b: source(2) })])).toThrow(
      'the schemas of ValueSource differ',
    )
  })
})
