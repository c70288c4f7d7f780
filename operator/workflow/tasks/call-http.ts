import { closest } from '../../../crds/fault.ts'
import type { HttpCallTask, Value } from '../../../runner/plan.ts'
import { compileExpression } from '../../../runner/expression/template.ts'
import { readAuthentication } from '../authentication.ts'
import { isRecord, readBoolean, readChoice, readObject, readValue, type Field } from '../field.ts'
import type { TaskInput } from './task-type.ts'

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'] as const
const RESULTS = ['raw', 'content', 'response'] as const

/** `call: http`. The method is in upper case in the plan. */
export function compileHttpCall({ task, fields, base }: TaskInput): HttpCallTask | undefined {
  if (!fields.with) return withoutArguments(task)
  const args = readObject(fields.with, {
    required: ['method', 'endpoint'],
    optional: ['headers', 'query', 'body', 'output', 'redirect'],
  })
  if (!args) return undefined
  const method = readMethod(args.method)
  const endpoint = readEndpoint(args.endpoint)
  const headers = readMap(args.headers)
  const query = readMap(args.query)
  const body = readValue(args.body)
  if (args.body && (method === 'GET' || method === 'HEAD'))
    args.body.fault(`does not go with ${method.toLowerCase()}: such a request has no body`)
  const result = readChoice(args.output, RESULTS) ?? 'content'
  const redirect = readBoolean(args.redirect) ?? false
  if (method === undefined || !endpoint) return undefined
  return {
    ...base,
    type: 'call:http',
    method,
    ...endpoint,
    ...(headers ? { headers } : {}),
    ...(query ? { query } : {}),
    ...(body ? { body } : {}),
    result,
    redirect,
  }
}

function withoutArguments(task: Field): undefined {
  // A misspelt `with` was reported already.
  const misspelt =
    isRecord(task.value) && Object.keys(task.value).some((key) => closest(key, ['with']) !== undefined)
  return misspelt ? undefined : task.child('with', undefined).fault('is required: method and endpoint')
}

function readMethod(field: Field | undefined): string | undefined {
  if (!field) return undefined
  const { value } = field
  const method = typeof value === 'string' && METHODS.find((known) => known === value.toUpperCase())
  return method || field.fault(`must be one of ${METHODS.join(', ').toLowerCase()}`)
}

/** A URI, or `{uri, authentication}`. */
function readEndpoint(
  field: Field | undefined,
): Pick<HttpCallTask, 'endpoint' | 'authentication'> | undefined {
  if (!field) return undefined
  if (!isRecord(field.value)) {
    const endpoint = readUri(field)
    return endpoint && { endpoint }
  }
  const fields = readObject(field, { required: ['uri'], optional: ['authentication'] })
  const endpoint = readUri(fields?.uri)
  const authentication = readAuthentication(fields?.authentication)
  return endpoint && { endpoint, ...(authentication ? { authentication } : {}) }
}

function readUri(field: Field | undefined): Value | undefined {
  if (!field) return undefined
  const { value } = field
  if (typeof value !== 'string') return field.fault('must be a URL, or an expression that gives one')
  if (value.includes('${')) return readValue(field)
  if (/[{}]/.test(value)) return readUriTemplate(field, value)
  return isHttpUrl(value)
    ? { literal: value }
    : field.fault('must be a URL that begins with http:// or https://')
}

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:\/\//i.test(text)

/**
 * RFC 6570, level 1: `{name}` is a member of the task's input, percent-encoded; one that is missing leaves
 * nothing.
 */
function readUriTemplate(field: Field, template: string): Value | undefined {
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name ?? '')
  const rest = template.replaceAll(/\{[^{}]*\}/g, '')
  if (/[{}]/.test(rest)) return field.fault('has a brace without its partner')
  if (!isHttpUrl(template.replaceAll(/\{[^{}]*\}/g, '0'))) {
    return field.fault('must be a URL that begins with http:// or https://')
  }
  const strange = names.find((name) => !/^[A-Za-z_]\w*$/.test(name))
  if (strange !== undefined) {
    return field.unsupported(
      `{${strange}} in a URI template can not be used yet: use {name} or an expression`,
    )
  }
  const parts = template.split(/\{([^{}]*)\}/)
  const jq = parts.map((part, index) =>
    index % 2 === 0 ? JSON.stringify(part) : `(.${part} | if . == null then "" else tostring | @uri end)`,
  )
  return compileExpression(jq.join(' + '))
}

/** A map of texts, each of which may be an expression, or an expression that gives the map. */
function readMap(field: Field | undefined): Value | undefined {
  if (field && !isRecord(field.value) && typeof field.value !== 'string') {
    return field.fault('must be an object, or an expression that gives one')
  }
  if (typeof field?.value === 'string' && !field.value.includes('${')) {
    return field.fault('must be an object, or an expression that gives one, in ${ }')
  }
  return readValue(field)
}
