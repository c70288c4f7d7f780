/**
 * The decoded value of a query parameter, by the rules of HTML forms. Undefined when it is missing, there
 * more than once, or its percent-encoding is broken: a handshake with such a query is nobody's.
 */
export function queryParameter(query: string, name: string): string | undefined {
  let found: string | undefined
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    if (decode(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue
    if (found !== undefined) return undefined
    found = equals < 0 ? '' : decode(pair.slice(equals + 1))
    if (found === undefined) return undefined
  }
  return found
}

/** Whether the query has a parameter of the name, in whatever shape. */
export function hasQueryParameter(query: string, name: string): boolean {
  return query.split('&').some((pair) => decode(pair.split('=', 1)[0] ?? '') === name)
}

/** The query without the parameters of that name. */
export function withoutParameter(query: string, name: string): string {
  return query
    .split('&')
    .filter((pair) => decode(pair.split('=', 1)[0] ?? '') !== name)
    .join('&')
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
