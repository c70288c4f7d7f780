import { describe, expect, test } from '@jest/globals'
import { createAdmission } from '../../../cli/admission/admission.ts'
import { formatPath } from '../../../crds/fault.ts'
import { FAULT_CASES, webhook, workflow } from './fault-cases.ts'

const admission = createAdmission()

const faults = (object: unknown): string[] =>
  admission.admit(object).faults.map(({ path, message }) => `${formatPath(path)}: ${message}`)

const secret = (fields: object): unknown => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 's' },
  ...fields,
})
const configMap = (fields: object): unknown => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c' },
  ...fields,
})
const named = (metadata: unknown): unknown => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Webhook',
  metadata,
})

describe('defaults', () => {
  test('L02 a Webhook needs nothing but a name', () => {
    const input = named({ name: 'orders' })
    const { object } = admission.admit(input)
    expect(object).toMatchObject({
      spec: {
        description: '',
        suspend: false,
        type: 'HTTP',
        path: 'Prefix',
        verification: { type: 'None', tolerance: '5m' },
        response: { mode: 'Immediate', headers: {}, timeout: '60s', timeoutStatusCode: 504 },
        input: 'Separate',
        limits: {
          rate: { requests: 100, window: '10s', per: 'Webhook' },
          connections: 100,
          payload: '256Ki',
        },
      },
    })
    expect(input).toEqual(named({ name: 'orders' }))
  })

  test('are filled into objects that are given in part, and in place of null', () => {
    const { object } = admission.admit(
      webhook({ limits: { rate: { requests: 5 }, connections: null }, response: null, auth: null }),
    )
    expect(object).toMatchObject({
      spec: {
        limits: { rate: { requests: 5, window: '10s' }, connections: 100 },
        response: { mode: 'Immediate' },
      },
    })
    expect(object).not.toHaveProperty('spec.auth')
  })

  test('keep a null where it means something', () => {
    expect(admission.admit(webhook({ response: { body: null } })).object).toHaveProperty(
      'spec.response.body',
      null,
    )
  })

  test('leave what a Workflow holds below its tasks as it is', () => {
    const spec = {
      triggers: [{ webhook: 'orders' }],
      do: [{ a: { set: { deep: { null: null, list: [1, 'x'] } } } }],
    }
    expect(admission.admit(workflow(spec)).object).toMatchObject({ spec: { ...spec, suspend: false } })
  })
})

describe('one sentence a fault', () => {
  test.each(FAULT_CASES)('%s', (_, object, expected) => {
    expect(faults(object)).toEqual(expected)
  })
})

describe('metadata', () => {
  test.each<[unknown, string[]]>([
    [
      { name: 'My_Hook' },
      ['metadata.name: must be lower-case letters, digits, - and ., such as "my-hook"; it is "My_Hook"'],
    ],
    [
      { name: '-a' },
      ['metadata.name: must be lower-case letters, digits, - and ., such as "my-hook"; it is "-a"'],
    ],
    [{ nmae: 'a' }, ['metadata.nmae: is not a field here, did you mean "name"?']],
    [{ generateName: 'a-' }, ['metadata.generateName: is not a field here: give it a name instead']],
    [undefined, ['metadata.name: is required']],
    [{ name: 'a', labels: { a: true } }, ['metadata.labels.a: must be a string: put it in quotes, "true"']],
    [
      { name: 'a', namespace: 'A.b' },
      [
        'metadata.namespace: must be a name of at most 63 lower-case letters, digits and -, such as "default"',
      ],
    ],
    [{ name: 'a', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', managedFields: [] }, []],
  ])('%j', (metadata, expected) => {
    expect(faults(named(metadata))).toEqual(expected)
  })
})

describe('ConfigMap and Secret', () => {
  test('stringData becomes part of data and wins', () => {
    const { object } = admission.admit(secret({ data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'z' } }))
    expect(object).toMatchObject({ data: { a: 'eA==', b: 'eg==' } })
    expect(object).not.toHaveProperty('stringData')
  })

  test.each<[string, unknown, string[]]>([
    [
      'data that is no base64',
      secret({ data: { token: 'not base64!' } }),
      ['data.token: must be base64; write the plain text under stringData instead'],
    ],
    [
      'a number in a ConfigMap',
      configMap({ data: { port: 80 } }),
      ['data.port: must be a string: put it in quotes, "80"'],
    ],
    [
      'a key with a slash',
      configMap({ data: { 'a/b': 'x' } }),
      ['data["a/b"]: is not a key: use letters, digits, -, _ and .'],
    ],
    [
      'a key twice',
      configMap({ data: { a: 'x' }, binaryData: { a: 'eA==' } }),
      ['binaryData.a: is in data, too: remove one'],
    ],
    [
      'too much',
      configMap({ data: { a: 'x'.repeat(1024 * 1024 + 1) } }),
      [': is larger than 1 MiB: split it'],
    ],
    [
      'a misspelt field',
      secret({ stringdata: { a: 'x' } }),
      ['stringdata: is not a field here, did you mean "stringData"?'],
    ],
  ])('%s', (_, object, expected) => {
    expect(faults(object)).toEqual(expected)
  })

  test('a fault does not show what may be secret', () => {
    const spec = { auth: { basic: { password: { value: 12345 } } } }
    expect(faults(webhook(spec))).toEqual([
      'spec.auth.basic.password.value: must be a string: put it in quotes',
    ])
  })

  test('a fault in a Secret does not show the value', () => {
    expect(faults(secret({ stringData: { password: 12345 } })).join()).not.toContain('12345')
    expect(faults(secret({ data: { password: 'hunter2!' } })).join()).not.toContain('hunter2')
  })
})

test('the status of a manifest is not taken over', () => {
  const input = { ...(webhook({}) as object), status: { url: 'x' } }
  expect(admission.admit(input).object).not.toHaveProperty('status')
})

test('faults are bounded', () => {
  const spec = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field-${index}`, 1]))
  expect(faults(webhook(spec))).toHaveLength(50)
})
