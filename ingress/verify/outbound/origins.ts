/** To which origins requests go instead, by the origin asked for; both as `URL.origin` writes them. */
export type OriginMap = ReadonlyMap<string, string>

/**
 * Reads `https://s3.amazonaws.com=http://127.0.0.1:9000,…`: for tests and for sites whose only way out is a
 * mirror. Whoever may set it decides which certificates are trusted, so it is configuration of the process
 * and never of a resource.
 * @throws {Error} that says what is wanted.
 */
export function parseOriginMap(text: string): OriginMap {
  const map = new Map<string, string>()
  for (const entry of text.split(',')) {
    const [from = '', to = '', ...rest] = entry.trim().split('=')
    if (rest.length > 0 || !isOrigin(from, ['https:']) || !isOrigin(to, ['https:', 'http:']))
      throw new Error('must be a list of https://host=http(s)://host:port, separated by commas')
    map.set(new URL(from).origin, new URL(to).origin)
  }
  return map
}

function isOrigin(text: string, protocols: string[]): boolean {
  const url = URL.parse(text)
  return url !== null && protocols.includes(url.protocol) && `${url.origin}/` === url.href
}
