/** Cross-origin calls from browsers (the Fetch standard's CORS protocol), for webhooks that allow them. */
import type { IncomingMessage } from 'node:http'
import type { Route } from '../route.ts'

/** Compiled once for a route. */
export interface Cors {
  /** Undefined: any. */
  origins: ReadonlySet<string> | undefined
  methods: string
  /** Undefined: whatever a page asks for. */
  headers: string | undefined
}

/** For how long a browser may remember the answer to a preflight, in seconds. */
const MAX_AGE = '600'

/** What a page may read of an answer beyond its body and the few headers that it always may. */
const EXPOSED =
  'X-Request-Id, X-Hooklet-Event-Id, Retry-After, RateLimit, RateLimit-Policy, WWW-Authenticate, Location'

export function prepareCors(cors: Route['cors']): Cors | undefined {
  if (cors === undefined) return undefined
  const { origins, methods, headers } = cors
  return {
    origins: origins.includes('*') ? undefined : new Set(origins.map((origin) => origin.toLowerCase())),
    methods: methods.join(', '),
    headers: headers.includes('*') ? undefined : headers.join(', '),
  }
}

/** Whether the browser only asks for permission; such a request is answered at once and starts nothing. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  )
}

/**
 * Headers for any answer, names and values in turn; a page of an origin that is not allowed gets no
 * permission to read it.
 */
export function corsHeaders(cors: Cors, { headers: { origin } }: IncomingMessage): string[] {
  const allowed = allowedOrigin(cors, origin)
  const permission =
    allowed === undefined
      ? []
      : ['Access-Control-Allow-Origin', allowed, 'Access-Control-Expose-Headers', EXPOSED]
  return cors.origins === undefined ? permission : [...permission, 'Vary', 'Origin']
}

/** Headers for the answer to a preflight. */
export function preflightHeaders(cors: Cors, { headers }: IncomingMessage): string[] {
  const allowed = allowedOrigin(cors, headers.origin)
  const vary = ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers']
  if (allowed === undefined) return vary
  const asked = headers['access-control-request-headers']
  const names = cors.headers ?? (typeof asked === 'string' && LIST_FORM.test(asked) ? asked : '')
  return [
    'Access-Control-Allow-Origin',
    allowed,
    'Access-Control-Allow-Methods',
    cors.methods,
    ...(names === '' ? [] : ['Access-Control-Allow-Headers', names]),
    'Access-Control-Max-Age',
    MAX_AGE,
    ...vary,
  ]
}

/** Header names, separated by commas. */
const LIST_FORM = /^[!#$%&'*+.^_`|~0-9A-Za-z, -]{1,2048}$/

/**
 * The one origin is repeated, never an origin that was not checked; `null` is that of sandboxed pages and
 * files.
 */
function allowedOrigin({ origins }: Cors, origin: string | undefined): string | undefined {
  if (origins === undefined) return '*'
  return origin !== undefined && origins.has(origin.toLowerCase()) ? origin : undefined
}
