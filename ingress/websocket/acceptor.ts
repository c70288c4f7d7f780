import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerOptions } from 'ws'
import { WebSocketServer } from 'ws'
import type { ServedRoute } from '../routes/served.ts'
import { chooseSubprotocol } from './handshake.ts'
import { HookSocket } from './hook-socket.ts'
import type { SocketLimits } from './limits.ts'

/** An accepted handshake that is to be answered. */
export interface Acceptance {
  req: IncomingMessage
  stream: Duplex
  head: Buffer
  route: ServedRoute
  /** More headers of the answer: names and values in turn. */
  headers: readonly string[]
}

/**
 * Answers handshakes and makes WebSockets of their connections. The result is undefined when the client is
 * gone.
 */
export function createAcceptor({
  closeTimeoutMs,
  fragments,
  pieces,
}: SocketLimits): (acceptance: Acceptance) => HookSocket | undefined {
  let subprotocol: string | undefined
  // The library's types are behind it by these.
  const options: ServerOptions<typeof HookSocket> & {
    closeTimeout: number
    maxFragments: number
    maxBufferedChunks: number
  } = {
    noServer: true,
    WebSocket: HookSocket,
    clientTracking: false,
    closeTimeout: closeTimeoutMs,
    maxFragments: fragments,
    maxBufferedChunks: pieces,
    // Its memory for each connection outweighs what it saves on small messages.
    perMessageDeflate: false,
    handleProtocols: () => subprotocol ?? false,
  }
  const server = new WebSocketServer(options)

  return ({ req, stream, head, route, headers }) => {
    const addHeaders = (lines: string[]): void => {
      for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i] ?? ''}: ${headers[i + 1] ?? ''}`)
    }
    let accepted: HookSocket | undefined
    subprotocol = chooseSubprotocol(route.webSocket, req)
    // Read when a connection is made, and then its own.
    server.options.maxPayload = route.payloadBytes
    server.on('headers', addHeaders)
    // Synchronous: it calls back before it returns, or never.
    server.handleUpgrade(req, stream, head, (ws) => (accepted = ws))
    server.off('headers', addHeaders)
    return accepted
  }
}
