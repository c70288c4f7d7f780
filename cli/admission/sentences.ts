import type { ErrorObject } from 'ajv'
import { closest, didYouMean, type Fault, type Path } from '../../crds/fault.ts'
import type { Schema } from '../../crds/schema.ts'
import { schemaAt } from './schema.ts'

/** Says each error of ajv in one sentence; one typo gives one fault. */
export function toFaults(errors: ErrorObject[], schema: Schema, object: unknown): Fault[] {
  const meant = new Set<string>()
  const faults: Fault[] = []
  for (const error of errors) {
    if (error.keyword !== 'additionalProperties') continue
    const path = pathOf(error.instancePath, object)
    const property = String(error.params.additionalProperty)
    const known = Object.keys(schemaAt(schema, path)?.properties ?? {})
    const name = closest(property, known)
    if (name !== undefined) meant.add(JSON.stringify([...path, name]))
    faults.push({ path: [...path, property], message: `is not a field here${didYouMean(property, known)}` })
  }
  for (const error of errors) {
    if (error.keyword === 'additionalProperties') continue
    const path = pathOf(error.instancePath, object)
    if (error.keyword === 'required') {
      const missing = [...path, String(error.params.missingProperty)]
      // The misspelt name was reported already.
      if (!meant.has(JSON.stringify(missing))) faults.push({ path: missing, message: 'is required' })
    } else {
      // What stands in a Secret, or where a secret may stand, is not to be shown, not even when it is wrong.
      const { kind } = object as { kind?: unknown }
      const hidden = kind === 'Secret' || path.at(-1) === 'value'
      faults.push({ path, message: sentence(hidden ? { ...error, data: undefined } : error) })
    }
  }
  return faults
}

/** The path of a JSON pointer, with numbers where the object has a list. */
function pathOf(pointer: string, object: unknown): Path {
  const path: (string | number)[] = []
  let value = object
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~')
    path.push(Array.isArray(value) ? Number(key) : key)
    value = (value as Record<string, unknown>)[key]
  }
  return path
}

function sentence({ keyword, params, data }: ErrorObject): string {
  const { limit } = params as { limit?: number }
  switch (keyword) {
    case 'type':
      return typeSentence(String(params.type), data)
    case 'enum': {
      const allowed = (params.allowedValues as unknown[]).map(String)
      const meant = typeof data === 'string' ? didYouMean(data, allowed) : ''
      return `must be one of ${allowed.join(', ')}; it is ${shown(data)}${meant}`
    }
    case 'pattern':
      return `must match ${String(params.pattern)}; it is ${shown(data)}`
    case 'minimum':
      return `must be at least ${limit}; it is ${shown(data)}`
    case 'maximum':
      return `must be at most ${limit}; it is ${shown(data)}`
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`
    case 'maxLength':
      return `must have at most ${limit} characters`
    case 'minItems':
    case 'minProperties':
      return limit === 1 ? 'must have at least one entry' : `must have at least ${limit} entries`
    case 'maxItems':
    case 'maxProperties':
      return limit === 1 ? `must have just one entry` : `must have at most ${limit} entries`
    default:
      return `is not allowed (${keyword})`
  }
}

const ARTICLES: Record<string, string> = { object: 'an object', array: 'a list', integer: 'a whole number' }

function typeSentence(type: string, data: unknown): string {
  const wanted = ARTICLES[type] ?? `a ${type}`
  if (type === 'string' && ['number', 'boolean'].includes(typeof data)) {
    return `must be a string: put it in quotes, "${String(data)}"`
  }
  if (data === undefined) return `must be ${wanted}${type === 'string' ? ': put it in quotes' : ''}`
  return `must be ${wanted}; it is ${shown(data)}`
}

/** A value short enough for a message. Long ones and structures are only named. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'string' && value.length > 60) return `a text of ${value.length} characters`
  return JSON.stringify(value)
}
