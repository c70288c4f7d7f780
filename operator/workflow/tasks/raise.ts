import type { RaiseTask, Value } from '../../../runner/plan.ts'
import { lookUp } from '../definitions.ts'
import { isRecord, readObject, readValue, type Field } from '../field.ts'
import type { TaskType } from './task-type.ts'

export const raiseTask: TaskType = {
  compile({ main, base }) {
    const error = readObject(main, { required: ['error'] })?.error
    if (!error) return undefined
    const definition = typeof error.value === 'string' ? lookUp(error, 'errors', error.value) : error
    const compiled = definition && readError(definition)
    return compiled && { ...base, type: 'raise', error: compiled }
  },
}

/** The definition of an error, in a task or under `use.errors`. */
export function readError(field: Field): RaiseTask['error'] | undefined {
  if (!isRecord(field.value))
    return field.fault('must be an object with type and status, or the name of one in use.errors')
  const fields = readObject(field, {
    required: ['type', 'status'],
    optional: ['title', 'detail', 'instance'],
  })
  if (!fields) return undefined
  const type = readType(fields.type)
  const status = readStatus(fields.status)
  const title = readTextValue(fields.title)
  const detail = readTextValue(fields.detail)
  const instance = readTextValue(fields.instance)
  if (!type || !status) return undefined
  return {
    type,
    status,
    ...(title ? { title } : {}),
    ...(detail ? { detail } : {}),
    ...(instance ? { instance } : {}),
  }
}

function readType(field: Field | undefined): Value | undefined {
  const value = readTextValue(field)
  if (value && 'literal' in value && !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(String(field?.value))) {
    return field?.fault(
      'must be a URI, such as https://open-workflow-specification.org/spec/1.0.0/errors/validation',
    )
  }
  return value
}

function readStatus(field: Field | undefined): Value | undefined {
  if (!field) return undefined
  const { value } = field
  if (typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599)
    return { literal: value }
  if (typeof value === 'string' && value.includes('${')) return readValue(field)
  return field.fault('must be a status from 100 to 599, or an expression that gives one')
}

function readTextValue(field: Field | undefined): Value | undefined {
  if (!field) return undefined
  return typeof field.value === 'string' ? readValue(field) : field.fault('must be a text')
}
