import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A small HTTP server beside what the process is for: probes, metrics. */
export interface SideServer {
  port: number
  close(): Promise<void>
}

/** Port 0 takes a free one; without a host it listens on all addresses. Rejects when the address can't be had. */
export async function serveAside(
  listener: RequestListener,
  address: { host?: string | undefined; port: number },
): Promise<SideServer> {
  const server = createServer(listener)
  server.listen(address)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
