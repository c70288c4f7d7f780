import type { Json } from '../../state/event.ts'
import { failure } from '../run/problem.ts'
import type { HttpCallTask, Value } from '../plan.ts'
import type { Soon } from '../soon.ts'
import { readHeaders } from './headers.ts'

export interface HttpRequest {
  url: URL
  method: string
  headers: Headers
  body?: string
}

type Evaluate = (value: Value) => Soon<Json>

/**
 * The request of a `call: http`. No message of an error shows a value: URL, headers and body may hold
 * secrets.
 * @throws {WorkflowError} configuration or validation
 */
export async function buildRequest(task: HttpCallTask, evaluate: Evaluate): Promise<HttpRequest> {
  const url = readUrl(await evaluate(task.endpoint))
  if (task.query) addQuery(url, await evaluate(task.query))
  const headers = new Headers(readHeaders(task.headers && (await evaluate(task.headers))))
  if (task.authentication && !headers.has('authorization'))
    headers.set('authorization', await authorization(task.authentication, evaluate))
  const method = task.method.toUpperCase()
  const body = task.body && (await evaluate(task.body))
  if (body === undefined || body === null) return { url, method, headers }
  if (method === 'GET' || method === 'HEAD') throw failure('configuration', `a ${method} request has no body`)
  return { url, method, headers, body: writeBody(body, headers) }
}

/** A text, or the standard's object form `{uri}`. */
function readUrl(endpoint: Json): URL {
  const text =
    endpoint !== null && typeof endpoint === 'object' && !Array.isArray(endpoint) ? endpoint.uri : endpoint
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw failure('configuration', 'the endpoint is not an http or https URL')
  if (url.username !== '' || url.password !== '')
    throw failure('configuration', 'the endpoint holds credentials: use authentication')
  return url
}

function addQuery(url: URL, query: Json): void {
  if (query === null) return
  if (typeof query !== 'object' || Array.isArray(query)) throw failure('validation', 'query is not an object')
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value])
      if (item !== null)
        url.searchParams.append(name, typeof item === 'object' ? JSON.stringify(item) : String(item))
  }
}

async function authorization(
  authentication: NonNullable<HttpCallTask['authentication']>,
  evaluate: Evaluate,
): Promise<string> {
  const text = async (value: Value): Promise<string> => {
    const given = await evaluate(value)
    const result = typeof given === 'number' ? String(given) : given
    if (typeof result !== 'string' || /\p{Cc}/u.test(result))
      throw failure('configuration', 'a credential is not a text')
    return result
  }
  if ('bearer' in authentication) {
    const token = await text(authentication.bearer.token)
    if (!/^[\x21-\x7e]+$/.test(token))
      throw failure('configuration', 'the bearer token is empty or not plain ASCII')
    return `Bearer ${token}`
  }
  const { username, password } = authentication.basic
  return `Basic ${Buffer.from(`${await text(username)}:${await text(password)}`).toString('base64')}`
}

/** A text goes out as it is, an object as a form when its content type says so, everything else as JSON. */
function writeBody(body: Json, headers: Headers): string {
  const contentType = headers.get('content-type')
  if (typeof body === 'string') {
    if (contentType === null) headers.set('content-type', 'text/plain; charset=utf-8')
    return body
  }
  if (contentType === null) headers.set('content-type', 'application/json')
  if (contentType?.startsWith('application/x-www-form-urlencoded')) {
    const form = new URL('http://form.invalid')
    addQuery(form, body)
    return form.searchParams.toString()
  }
  return JSON.stringify(body)
}
