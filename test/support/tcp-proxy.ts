import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createConnection, createServer } from 'node:net'

/** A way to a port that can be cut, as when a process or its network dies. */
export interface TcpProxy {
  port: number
  /** Breaks all connections and refuses new ones. */
  cut(): Promise<void>
}

/** `onSent` sees what clients send, and says whether it arrives. */
export async function startTcpProxy(target: number, onSent?: (chunk: Buffer) => boolean): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = createConnection(target, '127.0.0.1')
    client.setNoDelay()
    upstream.setNoDelay()
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      if (socket === client && onSent !== undefined)
        client.on('data', (chunk: Buffer) => {
          if (onSent(chunk)) upstream.write(chunk)
        })
      else socket.pipe(other)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async cut() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
