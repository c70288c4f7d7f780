import type { SideServer } from './side-server.ts'
import { serveAside } from './side-server.ts'

/**
 * The probes of a process that serves nothing else. `GET /healthz`: the process runs. `GET /readyz`: 200 when
 * `ready` says so, else 503.
 */
export function serveHealth(options: {
  host?: string | undefined
  port: number
  ready: () => Promise<boolean>
}): Promise<SideServer> {
  return serveAside((router) => {
    router.get('/healthz', (_, response) => void response.json({ status: 'ok' }))
    router.get('/readyz', async (_, response) => {
      const ready = await options.ready().catch(() => false)
      response.status(ready ? 200 : 503).json(ready ? { status: 'ready' } : { error: 'Not ready' })
    })
  }, options)
}
