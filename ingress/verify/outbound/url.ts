/**
 * A URL that may be fetched: https, without user, password and fragment, and on the default port unless
 * `anyPort`. Undefined for any other text, and for one that a URL parser would silently mend (backslashes,
 * blanks, control characters): what was checked must be what is fetched.
 */
export function parseOutboundUrl(text: string, { anyPort = false } = {}): URL | undefined {
  if (text.length > 2048 || !/^[!-~]+$/.test(text) || text.includes('\\')) return undefined
  const url = URL.parse(text)
  if (url === null || !isGuarded(url)) return undefined
  return anyPort || url.port === '' ? url : undefined
}

/** Whether the guarded client would ask for it. */
export function isGuarded(url: URL): boolean {
  return url.protocol === 'https:' && url.username + url.password === '' && !url.href.includes('#')
}
