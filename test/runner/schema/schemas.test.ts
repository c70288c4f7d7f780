import { afterAll, expect, test } from '@jest/globals'
import { createSchemaPool, SchemaError } from '../../../runner/schema/schemas.ts'

const schemas = createSchemaPool({ timeLimitMs: 500 })
afterAll(() => schemas.close())

test('a value that fits has no fault, another one is told where', async () => {
  const schema = { type: 'object', properties: { count: { type: 'integer' } } }
  expect(await schemas.validate(schema, { count: 1 })).toBeUndefined()
  expect(await schemas.validate(schema, { count: 'one' })).toBe('/count must be integer')
  expect(await schemas.validate(schema, [])).toBe('it must be object')
})

test('a schema that is none is told apart from a value that does not fit', async () => {
  await expect(schemas.validate({ type: 'nonsense' }, 1)).rejects.toThrow(SchemaError)
})

test('a pattern that would take for ever is cut off, and others are checked after it', async () => {
  const runaway = { pattern: '^(a+)+$' }
  expect(await schemas.validate(runaway, `${'a'.repeat(40)}b`)).toBe('it takes longer than 500 ms to check')
  expect(await schemas.validate({ type: 'integer' }, 1)).toBeUndefined()
})

test('closed, it says so', async () => {
  const closed = createSchemaPool()
  await closed.close()
  expect(await closed.validate({}, 1)).toBe('the checks have been stopped')
})
