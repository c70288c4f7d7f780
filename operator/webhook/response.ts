import type { WebhookSpec } from '../../crds/types.gen.ts'
import type { Route } from '../../ingress/route.ts'
import { parseGoDuration } from './quantities.ts'

/** The largest static body: as large as the largest reply. */
export const MAX_BODY_BYTES = 256 * 1024

/** The body that callers get when none is given, with exactly these blanks. */
const DEFAULT_BODY = '{ "success" : true }'
/** Twilio takes anything but TwiML for an error. */
const EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const XML_TYPE = 'text/xml'

export function compileResponse(spec: WebhookSpec): Route['response'] {
  const { response, verification } = spec
  const statusCode = response.statusCode ?? (verification.type === 'Fitbit' ? 204 : 200)
  const { body, contentType } = staticBody(spec)
  const headers = Object.fromEntries(
    Object.entries(response.headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  return {
    mode: response.mode,
    statusCode,
    headers: { 'content-type': contentType, ...headers },
    body,
    timeoutMs: parseGoDuration(response.timeout),
    timeoutStatusCode: response.timeoutStatusCode,
  }
}

function staticBody({ response, verification }: WebhookSpec): { body: string; contentType: string } {
  // The workflow's output takes the place of the body; unless headers say otherwise it is JSON.
  if (response.mode === 'Output') return { body: '', contentType: JSON_TYPE }
  if (response.body === undefined) {
    return verification.type === 'Twilio'
      ? { body: EMPTY_TWIML, contentType: XML_TYPE }
      : { body: DEFAULT_BODY, contentType: JSON_TYPE }
  }
  if (typeof response.body === 'string') return { body: response.body, contentType: TEXT_TYPE }
  return { body: JSON.stringify(response.body), contentType: JSON_TYPE }
}
