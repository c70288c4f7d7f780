import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { ClientOptions } from 'ws'
import { WebSocket } from 'ws'

/** A client of a WebSocket, with everything that it was told. */
export interface SocketClient {
  ws: WebSocket
  /** Of the answer to its handshake, names in lower case. */
  headers: IncomingMessage['headers']
  /** The next message that was not taken yet, a text, or bytes. Rejects when the connection ends before. */
  next(): Promise<string | Buffer>
  /** How the connection ended. */
  closed: Promise<{ code: number; reason: string }>
  /** Resolves when the message is written. */
  send(data: string | Buffer): void
}

export interface HandshakeRefusal {
  status: number
  body: string
  headers: IncomingMessage['headers']
}

interface Options extends ClientOptions {
  /** User and password, as `user:password`. */
  auth?: string
  protocols?: string[]
  /** Whose certificate it has to be, when that is not the URL's host. */
  servername?: string
}

/** Resolves when the connection is open; rejects when the handshake is refused. */
export async function openSocket(
  url: string,
  { protocols = [], ...options }: Options = {},
): Promise<SocketClient> {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocols, { perMessageDeflate: false, ...options })
  const messages: (string | Buffer)[] = []
  const takers: { resolve(message: string | Buffer): void; reject(error: Error): void }[] = []
  let headers: IncomingMessage['headers'] = {}
  ws.on('upgrade', (response) => (headers = response.headers))
  ws.on('message', (data: Buffer, binary) => {
    const message = binary ? data : data.toString()
    const taker = takers.shift()
    if (taker === undefined) messages.push(message)
    else taker.resolve(message)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    ws.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() })
      for (const { reject } of takers.splice(0))
        reject(new Error(`closed with ${code} ${reason.toString()}`.trim()))
    }),
  )
  await once(ws, 'open')
  // A connection that is cut is an end like any other.
  ws.on('error', () => {})
  return {
    ws,
    headers,
    closed,
    send: (data) => ws.send(data),
    next() {
      const message = messages.shift()
      if (message !== undefined) return Promise.resolve(message)
      return new Promise((resolve, reject) => takers.push({ resolve, reject }))
    },
  }
}

/** The answer to a handshake that is refused. */
export async function refusedSocket(
  url: string,
  { protocols = [], ...options }: Options = {},
): Promise<HandshakeRefusal> {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), protocols, { perMessageDeflate: false, ...options })
  ws.on('error', () => {})
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode ?? 0, body, headers: response.headers }
}
