import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ErrorRequestHandler, Router } from 'express'
import express from 'express'

/** A small HTTP server beside what the process is for: probes, metrics. */
export interface SideServer {
  port: number
  close(): Promise<void>
}

/**
 * Serves what `routes` adds, and a 404 for all else. Port 0 takes a free one; without a host it listens on
 * all addresses. Rejects when the address can't be had.
 */
export async function serveAside(
  routes: (router: Router) => void,
  address: { host?: string | undefined; port: number },
): Promise<SideServer> {
  const app = express()
  app.disable('x-powered-by').disable('etag')
  app.use((_, response, next) => {
    response.set('cache-control', 'no-store')
    next()
  })
  routes(app)
  app.use((_, response) => void response.status(404).json({ error: 'Not found' }))
  app.use(failed)
  const server = createServer(app)
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

/** Express's own answer would show the error's text. */
const failed: ErrorRequestHandler = (error: unknown, _, response, next) => {
  if (response.headersSent) next(error)
  else response.status(500).json({ error: 'Internal error' })
}
