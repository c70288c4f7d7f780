import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { InputPlan, Json, OutputPlan } from '../../runner/plan.ts'
import { isRecord, readExpressionOrObject, readObject, type Field } from './field.ts'

/** `{schema, from}`: what a task or workflow gets. */
export function readInput(field: Field | undefined): InputPlan | undefined {
  if (!field) return undefined
  const fields = readObject(field, { optional: ['schema', 'from'] })
  const schema = readSchema(fields?.schema)
  const from = readExpressionOrObject(fields?.from)
  return { ...(schema === undefined ? {} : { schema }), ...(from === undefined ? {} : { from }) }
}

/** `{as, schema}`: what a task or workflow gives, or exports. */
export function readOutput(field: Field | undefined): OutputPlan | undefined {
  if (!field) return undefined
  const fields = readObject(field, { optional: ['as', 'schema'] })
  const schema = readSchema(fields?.schema)
  const as = readExpressionOrObject(fields?.as)
  return { ...(as === undefined ? {} : { as }), ...(schema === undefined ? {} : { schema }) }
}

function readSchema(field: Field | undefined): Json | undefined {
  if (!field) return undefined
  const fields = readObject(field, { optional: ['format', 'document', 'resource'] })
  if (!fields) return undefined
  const { format, document, resource } = fields
  if (resource)
    return resource.unsupported('a schema that must be fetched can not be used yet: put it into document')
  if (format && !/^json(:|$)/.test(String(format.value))) {
    return format.unsupported(`the schema format ${String(format.value)} can not be used yet: use json`)
  }
  if (!document) return field.child('document', undefined).fault('is required')
  if (!isRecord(document.value) && typeof document.value !== 'boolean') {
    return document.fault('must be a JSON Schema: an object, true or false')
  }
  const problem = schemaProblem(document.value)
  return problem === undefined ? (document.value as Json) : document.fault(`is not a JSON Schema: ${problem}`)
}

/** Checks against the meta-schema only: no code is made of a tenant's schema here. */
function schemaProblem(schema: Record<string, unknown> | boolean): string | undefined {
  const options = { strict: false, validateFormats: false, logger: false } as const
  const dialect = isRecord(schema) ? schema.$schema : undefined
  const ajv =
    typeof dialect === 'string' && dialect.includes('draft-07') ? new Ajv(options) : new Ajv2020(options)
  if (dialect !== undefined && (typeof dialect !== 'string' || ajv.getSchema(dialect) === undefined)) {
    return 'its $schema is neither draft 2020-12, which it is when left out, nor draft-07'
  }
  if (ajv.validateSchema(schema) === true) return undefined
  const [error] = ajv.errors ?? []
  return `${error?.instancePath || 'it'} ${error?.message ?? 'has a fault'}`
}
