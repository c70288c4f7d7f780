/** What `hooklet dev` shows its user: each webhook with its URL and a line to try it. */
import { readFile } from 'node:fs/promises'
import { curlLine, readExchanges, webhookOf, wireRequest } from '../manifests/exchange.ts'
import type { Exchange } from '../manifests/exchange.ts'
import { listFiles } from '../manifests/folder.ts'
import { isTimed } from '../manifests/signing.ts'

/** A webhook that is served. */
export interface Row {
  namespace: string
  name: string
  url: string
  token: string
  type: 'HTTP' | 'WebSocket'
  /** Which credentials a caller needs, for the line to try. */
  auth: 'none' | 'basic' | 'bearer'
  /** Whose signatures calls must carry; None: nobody's. */
  verification: string
  /** Why calls are refused, when they are. */
  problem?: string
  /** Why calls start nothing, when they do not. */
  idle?: string
}

/**
 * The first request that an `.http` file under `root` has for each webhook and that is not refused, by the
 * webhook's name.
 */
export async function readSamples(root: string): Promise<Map<string, Exchange>> {
  const samples = new Map<string, Exchange>()
  for (const file of await listFiles(root, (name) => name.endsWith('.http')))
    for (const exchange of readExchanges(await readFile(file, 'utf8'))) {
      const name = webhookOf(exchange)
      const refused = exchange.answer !== undefined && exchange.answer.status >= 400
      if (name !== undefined && !refused && !samples.has(name)) samples.set(name, exchange)
    }
  return samples
}

export interface TableContext {
  samples: Map<string, Exchange>
  baseUrl: string
  /** Milliseconds since 1970, for requests that are signed with a time. */
  now: number
}

/**
 * A curl line for the webhook: its sample request, or a POST of a small JSON object if that can pass. For a
 * WebSocket, a line that connects a terminal with it.
 */
function tryLines(row: Row, { samples, baseUrl, now }: TableContext): string[] {
  if (row.type === 'WebSocket') return [socketLine(row)]
  const sample = samples.get(row.name)
  if (sample === undefined && row.verification !== 'None')
    return [`calls must be verified (${row.verification}): see docs/verification.md`]
  const exchange = sample ?? plainRequest(row)
  const placeholder = (name: string): string | undefined => {
    if (name === 'base') return baseUrl
    if (name === row.name) return row.url
    return name === `${row.name}.token` ? row.token : undefined
  }
  const note = exchange.headers.some(([, value]) => isTimed(value))
    ? ['signed now, good for five minutes:']
    : []
  return [...note, curlLine(wireRequest(exchange, placeholder, now))]
}

const CREDENTIALS: Record<Row['auth'], [string, string][]> = {
  none: [],
  basic: [['Authorization', 'Basic BASE64_OF_USER_COLON_PASSWORD']],
  bearer: [['Authorization', 'Bearer YOUR_TOKEN']],
}

/**
 * With what is there wherever Hooklet runs from its sources: Node. What is typed is sent line by line; what
 * comes is printed.
 */
function socketLine({ url, auth }: Row): string {
  const options =
    auth === 'none' ? '' : `, {headers: ${JSON.stringify(Object.fromEntries(CREDENTIALS[auth]))}}`
  const script = [
    `s = new WebSocket("${url}"${options})`,
    's.onopen = () => process.stdin.on("data", (line) => s.send(String(line).trim()))',
    's.onmessage = ({data}) => console.log(data)',
    's.onclose = ({code, reason}) => process.exit(console.log(code, reason))',
  ]
  return `node -e '${script.join('; ')}'`
}

function plainRequest(row: Row): Exchange {
  return {
    title: '',
    method: 'POST',
    target: `{{${row.name}}}`,
    headers: [...CREDENTIALS[row.auth], ['Content-Type', 'application/json']],
    body: '{"hello": "world"}',
  }
}

/** The table of all rows, for people: a line for each URL, and below it the line to try. */
export function formatTable(rows: Row[], context: TableContext): string {
  const label = (row: Row): string =>
    row.namespace === 'default' ? row.name : `${row.namespace}/${row.name}`
  const width = Math.max(0, ...rows.map((row) => label(row).length))
  const indent = ' '.repeat(width + 4)
  return rows
    .map((row) => {
      const problem = row.problem === undefined ? [] : [`${indent}not ready: ${row.problem}`]
      const idle = row.idle === undefined ? [] : [`${indent}${row.idle}`]
      const lines = [
        `  ${label(row).padEnd(width)}  ${row.url}`,
        ...problem,
        ...idle,
        ...tryLines(row, context).map((line) => indent + line),
      ]
      return lines.join('\n')
    })
    .join('\n')
}
