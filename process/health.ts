import type { SideServer } from './side-server.ts'
import { serveAside } from './side-server.ts'

/** The probes of a process that serves nothing else. `GET /healthz`: the process runs. `GET /readyz`: 200 when `ready` says so, else 503. */
export function serveHealth(options: {
  host?: string | undefined
  port: number
  ready: () => Promise<boolean>
}): Promise<SideServer> {
  return serveAside((request, response) => {
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
  }, options)
}
