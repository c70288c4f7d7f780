/** What runs learn of a call. */
import type { IncomingMessage } from 'node:http'
import type { EventRequest } from '../../state/event.ts'
import { readTrace } from '../../state/trace-context.ts'
import type { ServedRoute } from '../routes/served.ts'
import { withoutParameter } from '../verify/query.ts'
import type { RoutedCall } from './routed-call.ts'
import type { Target } from './target.ts'

function eventQuery({ verification }: ServedRoute, { query }: Target): string {
  const parameter = verification?.bearerParameter
  return parameter === undefined ? query : withoutParameter(query, parameter)
}

/** What an event says of the request. */
export function requestOf({ exchange: { req }, route, target, clientIP }: RoutedCall): EventRequest {
  const request: EventRequest = {
    webhook: route.webhook,
    method: (req.method ?? 'GET').toLowerCase(),
    path: target.rest === '' ? '/' : target.rest,
    query: eventQuery(route, target),
    headers: eventHeaders(req, route.verification?.secretHeader),
    clientIP,
    merged: route.merged,
  }
  if (route.workflows !== undefined) request.workflows = route.workflows
  return request
}

/** Credentials and cookies stay at the door; repeated headers are joined already. */
const WITHHELD = new Set(['cookie', 'authorization', 'proxy-authorization'])

function eventHeaders(req: IncomingMessage, secretHeader: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of Object.keys(req.headers)) {
    const value = req.headers[name]
    if (value === undefined || WITHHELD.has(name) || name === secretHeader) continue
    headers[name] = typeof value === 'string' ? value : value.join(', ')
  }
  // What names no trace must not be passed on as one.
  if ('traceparent' in headers && readTrace(headers) === undefined) {
    delete headers['traceparent']
    delete headers['tracestate']
  }
  return headers
}
