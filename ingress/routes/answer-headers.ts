import { isToken } from '../header-syntax.ts'

/**
 * The types that a webhook may answer with; none of them runs script in a browser, for all webhooks share one
 * origin.
 */
const CONTENT_TYPES = new Set(['application/json', 'application/xml', 'text/plain', 'text/xml', 'text/csv'])
const JSON_TYPE = 'application/json'

/** Headers of every answer under a webhook's path. They hold whatever a webhook or a run asks for. */
export const SECURITY_HEADERS: readonly string[] = [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "default-src 'none'; frame-ancestors 'none'; sandbox",
  // The auditor that 1 switches on has been a hole itself and is gone from browsers; 0 is the one safe value.
  'X-XSS-Protection',
  '0',
]

/** In lower case: what webhooks and runs don't set. `docs/answers.md` repeats them for users. */
export const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  // Set from the content-type rule, not copied.
  'content-type',
  // The connection's own and the framing of the message (RFC 9110, 7.6.1; RFC 9112, 6): the server's
  // business.
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'content-encoding',
  // The platform's.
  'date',
  'x-content-type-options',
  'content-security-policy',
  'content-security-policy-report-only',
  'x-xss-protection',
  'x-request-id',
  'x-hooklet-event-id',
  'ratelimit',
  'ratelimit-policy',
  // These would rule over the other webhooks of the same origin.
  'accept-ch',
  'alt-svc',
  'clear-site-data',
  'critical-ch',
  'nel',
  'report-to',
  'reporting-endpoints',
  'service-worker-allowed',
  'set-cookie',
  'set-login',
  'strict-transport-security',
  'use-as-dictionary',
])

/**
 * The content type that is sent for the one asked for: itself when it is one of the five, with its
 * parameters, else JSON.
 */
export function allowedContentType(asked: string): string {
  const [essence = ''] = asked.split(';', 1)
  return CONTENT_TYPES.has(essence.trim().toLowerCase()) && isHeader('content-type', asked)
    ? asked
    : JSON_TYPE
}

/** Whether a content type is JSON, parameters aside. */
export function isJson(contentType: string): boolean {
  const [essence = ''] = contentType.split(';', 1)
  return essence.trim().toLowerCase() === JSON_TYPE
}

/** The value of a header asked for by a webhook or a run, in whatever case it is written. */
export function headerOf(headers: Record<string, string>, name: string): string | undefined {
  for (const [key, value] of Object.entries(headers)) if (key.toLowerCase() === name) return value
  return undefined
}

/**
 * Those of the headers asked for that an answer may carry, as a flat list of names and values. Reserved and
 * malformed ones are left out; the content type is handled apart.
 */
export function allowedHeaders(headers: Record<string, string>): string[] {
  const list: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (!RESERVED_HEADERS.has(name.toLowerCase()) && isHeader(name, value)) list.push(name, value)
  }
  return list
}

// Visible ASCII (RFC 9110, 5.5): what lies beyond has no agreed meaning in a header.
const VALUE_FORM = /^[\t\x20-\x7e]*$/

function isHeader(name: string, value: string): boolean {
  return isToken(name) && VALUE_FORM.test(value)
}
