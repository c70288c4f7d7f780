import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createConnection, createServer } from 'node:net'

/** A way to a port that can be cut, as when a process or its network dies. */
export interface TcpProxy {
  port: number
  /** Breaks all connections and refuses new ones. */
  cut(): Promise<void>
  /**
   * Lets nothing more through of what comes back on the connections that there are, and leaves them open: as
   * when a firewall has forgotten them.
   */
  silence(): void
}

/** `onSent` sees what clients send, and says whether it arrives. */
export async function startTcpProxy(target: number, onSent?: (chunk: Buffer) => boolean): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const pairs = new Set<[client: Socket, upstream: Socket]>()
  const server = createServer((client) => {
    const upstream = createConnection(target, '127.0.0.1')
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    client.once('close', () => pairs.delete(pair))
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
    silence() {
      for (const [client, upstream] of pairs) upstream.unpipe(client)
    },
    async cut() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
