/** The request target of a call to a webhook. */
export interface Target {
  /** Of the URL, not looked up yet. */
  token: string
  /** What follows the token up to the query, as received. Empty: the URL ends with the token. */
  rest: string
  /** Without its `?`; empty when there is none. */
  query: string
  /** The kind of URL that knows no longer paths, whatever the webhook says. */
  exact: boolean
}

const PREFIX_PATH = '/webhooks/'
const EXACT_PATH = '/v1/flow-webhook/'

/** Whether the data plane's own handler, not the Express app, answers. */
export function isWebhookPath(url: string): boolean {
  return url.startsWith(PREFIX_PATH) || url.startsWith(EXACT_PATH)
}

/**
 * Takes apart a target for which {@link isWebhookPath} holds. Nothing is decoded or normalised: a token is
 * made of characters that need no encoding, and a run gets the path as it was received.
 */
export function parseTarget(url: string): Target {
  const exact = url.startsWith(EXACT_PATH)
  const start = exact ? EXACT_PATH.length : PREFIX_PATH.length
  const mark = url.indexOf('?', start)
  const end = mark === -1 ? url.length : mark
  const slash = url.indexOf('/', start)
  const tokenEnd = slash === -1 || slash > end ? end : slash
  return {
    token: url.slice(start, tokenEnd),
    rest: url.slice(tokenEnd, end),
    query: mark === -1 ? '' : url.slice(mark + 1),
    exact,
  }
}

/** An absolute-form target (RFC 9112, 3.2.2) as the origin-form that means the same. */
export function originForm(url: string): string {
  if (url.startsWith('/')) return url
  const match = /^https?:\/\/[^/?#]*/i.exec(url)
  if (match === null) return url
  const rest = url.slice(match[0].length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
