import type { Schema } from '../../crds/schema.ts'

/**
 * JSON Schema keywords that mean the same in a structural schema and in ajv. `format` is left out: the bounds
 * say what matters.
 */
const SHARED_KEYWORDS = [
  'type',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'required',
  'default',
] as const

/**
 * Turns a structural schema into one for ajv. An object with typed properties refuses all others, as
 * kubectl's strict validation does, unless it preserves unknown fields.
 */
export function toJsonSchema(schema: Schema): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const keyword of SHARED_KEYWORDS) if (keyword in schema) result[keyword] = schema[keyword]
  if (schema.nullable && schema.type) result.nullable = true
  if (schema.items) result.items = toJsonSchema(schema.items)
  if (schema.properties) {
    result.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, toJsonSchema(property)]),
    )
  }
  if (schema.additionalProperties) result.additionalProperties = toJsonSchema(schema.additionalProperties)
  else if (schema.properties && !schema['x-kubernetes-preserve-unknown-fields'])
    result.additionalProperties = false
  return result
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Removes, in place, each null for which the schema has no use, as the API server does before it fills in
 * defaults.
 */
export function dropNulls(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) if (schema.items) dropNulls(schema.items, item)
    return
  }
  if (!isRecord(value)) return
  for (const [key, member] of Object.entries(value)) {
    const field = childSchema(schema, key)
    if (!field) continue
    if (member === null && !field.nullable) delete value[key]
    else dropNulls(field, member)
  }
}

/** The schema of an object's member; nothing for fields that are only preserved. */
export function childSchema(schema: Schema, key: string): Schema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  return schema.additionalProperties
}

/** The schema at a path from the root. */
export function schemaAt(schema: Schema, path: readonly (string | number)[]): Schema | undefined {
  let current: Schema | undefined = schema
  for (const part of path) {
    if (!current) return undefined
    current = typeof part === 'number' ? current.items : childSchema(current, part)
  }
  return current
}
