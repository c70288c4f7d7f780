/** Calls as they come from outside: to where a proxy listens, with a certificate that has to be right. */
import { once } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { openSocket } from '../support/socket-client.ts'
import type { SocketClient } from '../support/socket-client.ts'

export interface Door {
  /** Of 127.0.0.1. */
  port: number
  /** The name that callers know. */
  host: string
  /** The certificate of whom they trust. */
  authority: string
}

export interface Call {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
  /** The caller's address, of loopback. */
  from?: string
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Caller {
  call(path: string, call?: Call): Promise<Answer>
  socket(path: string): Promise<SocketClient>
  close(): void
}

/** Somebody who keeps his connections. */
export function createCaller({ port, host, authority }: Door): Caller {
  const agent = new Agent({ keepAlive: true, ca: authority, servername: host })
  return {
    async call(path, { method = 'GET', headers = {}, body, from = '127.0.0.2' } = {}) {
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
      const outgoing = request({
        host: '127.0.0.1',
        port,
        path,
        method,
        agent,
        localAddress: from,
        headers: { host, ...length, ...headers },
      })
      outgoing.end(body)
      const [response] = await once(outgoing, 'response')
      return { status: response.statusCode, headers: response.headers, text: await text(response) }
    },
    socket: (path) =>
      openSocket(`wss://127.0.0.1:${port}${path}`, { ca: authority, servername: host, headers: { host } }),
    close: () => agent.destroy(),
  }
}
