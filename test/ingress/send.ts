import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'

/** A request whose header lines go out exactly as given, twice or not. */
export interface Sent {
  /** Default: POST. */
  method?: string
  path: string
  headers: [name: string, value: string][]
  body: Buffer
  /** Without an announced length. */
  chunked?: boolean
}

export interface Answered {
  status: number
  /** Names in lower case. */
  headers: IncomingMessage['headers']
  body: string
}

/** Sends a request to a port of the loopback interface. */
export async function send(
  port: number,
  { method = 'POST', path, headers, body, chunked }: Sent,
): Promise<Answered> {
  const framing: [string, string][] = chunked
    ? [['transfer-encoding', 'chunked']]
    : body.length > 0
      ? [['content-length', String(body.length)]]
      : []
  const lines: [string, string][] = [['host', 'localhost'], ['connection', 'close'], ...framing, ...headers]
  const call = request({ host: '127.0.0.1', port, method, path, headers: lines.flat() })
  const response = once(call, 'response') as Promise<[IncomingMessage]>
  if (chunked) for (let at = 0; at < body.length; at += 7_000) call.write(body.subarray(at, at + 7_000))
  call.end(chunked ? undefined : body)
  const [answer] = await response
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: (await buffer(answer)).toString('utf8'),
  }
}
