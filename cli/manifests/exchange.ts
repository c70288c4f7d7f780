import { signHeader } from './signing.ts'

/**
 * Requests with their expected answers, kept in `.http` files beside manifests: HTTP messages as RFC 9112
 * writes them, separated by lines that begin with `###`. `{{NAME}}` is the URL of the Webhook NAME,
 * `{{NAME.token}}` its token, `{{base}}` the server's URL.
 */
export interface Exchange {
  title: string
  method: string
  /** With its placeholders. */
  target: string
  headers: [name: string, value: string][]
  body: string
  /** What comes back; absent where the file shows a request only. */
  answer?: { status: number; headers: [name: string, value: string][]; body: string }
}

/** Gives what stands for a placeholder, or undefined when it is unknown. */
export type Placeholders = (name: string) => string | undefined

const STATUS_LINE = /^HTTP\/1\.1 (\d{3})\b/

/** Reads an `.http` file. Blocks that hold no request line are skipped: they are comments. */
export function readExchanges(text: string): Exchange[] {
  return text.split(/^###/m).slice(1).flatMap(readExchange)
}

function readExchange(block: string): Exchange[] {
  const lines = block.split(/\r?\n/)
  const title = (lines.shift() ?? '').trim()
  while (lines[0]?.trim() === '') lines.shift()
  const status = lines.findIndex((line) => STATUS_LINE.test(line))
  const [requestLine, ...request] = status < 0 ? lines : lines.slice(0, status)
  const [method, target] = (requestLine ?? '').split(' ')
  if (!method || !target) return []
  const exchange: Exchange = { title, method, target, ...readMessage(request) }
  if (status >= 0) {
    const code = Number(STATUS_LINE.exec(lines[status] ?? '')?.[1])
    exchange.answer = { status: code, ...readMessage(lines.slice(status + 1)) }
  }
  return [exchange]
}

function readMessage(lines: string[]): Pick<Exchange, 'headers' | 'body'> {
  const blank = lines.findIndex((line) => line.trim() === '')
  const head = blank < 0 ? lines : lines.slice(0, blank)
  const body = blank < 0 ? '' : lines.slice(blank + 1).join('\n')
  return {
    headers: head.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]
    }),
    body: body.replace(/\n+$/, ''),
  }
}

/** Which Webhook the request goes to, by its first placeholder. */
export function webhookOf(exchange: Exchange): string | undefined {
  const names = [...exchange.target.matchAll(/\{\{([^}]+)\}\}/g)].map((match) => match[1] ?? '')
  const name = names.find((candidate) => candidate !== 'base')
  return name?.replace(/\.token$/, '')
}

/** Puts values in place of `{{…}}`; an unknown one stays as it is. */
export function fill(text: string, placeholders: Placeholders): string {
  return text.replace(/\{\{([^}]+)\}\}/g, (whole, name: string) => placeholders(name) ?? whole)
}

/** Multipart bodies travel with CRLF line ends (RFC 2046); everything else as it is written. */
export function wireBody(exchange: Pick<Exchange, 'headers' | 'body'>): string {
  const type = exchange.headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
  return type.startsWith('multipart/') ? exchange.body.replace(/\r?\n/g, '\r\n') + '\r\n' : exchange.body
}

/** A request as it is sent: nothing stands for anything else any more. */
export interface WireRequest {
  method: string
  url: string
  headers: [name: string, value: string][]
  body: string
}

/**
 * The request of an exchange at a time, in milliseconds since 1970: its headers may hold that time and be
 * signed.
 */
export function wireRequest(exchange: Exchange, placeholders: Placeholders, now: number): WireRequest {
  const url = fill(exchange.target, placeholders)
  const body = wireBody(exchange)
  const headers = exchange.headers.map(([name, value]): [string, string] => [
    name,
    signHeader(value, { url, body, now }),
  ])
  return { method: exchange.method, url, headers, body }
}

/** A line for a POSIX shell that sends the request with curl. */
export function curlLine({ method, url, headers, body }: WireRequest): string {
  const parts = ['curl', '-sS']
  if (method !== (body === '' ? 'GET' : 'POST')) parts.push('-X', method)
  for (const [name, value] of headers) parts.push('-H', quote(`${name}: ${value}`))
  if (body !== '') parts.push('--data-binary', quote(body))
  parts.push(quote(url))
  return parts.join(' ')
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
