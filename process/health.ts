import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The probes of a process that serves nothing else. */
export interface HealthServer {
  port: number
  close(): Promise<void>
}

/** `GET /healthz`: the process runs. `GET /readyz`: 200 when `ready` says so, else 503. */
export async function serveHealth(options: {
  host: string
  port: number
  ready: () => Promise<boolean>
}): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      response.end(JSON.stringify(body))
    }
    if (request.url === '/healthz') return answer(200, { status: 'ok' })
    if (request.url !== '/readyz') return answer(404, { error: 'Not found' })
    void options
      .ready()
      .catch(() => false)
      .then((ready) => (ready ? answer(200, { status: 'ready' }) : answer(503, { error: 'Not ready' })))
  })
  server.listen(options.port, options.host)
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
