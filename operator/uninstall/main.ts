/**
 * Runs before an uninstallation that takes the CRDs along: deletes what users have made of them while there
 * is an operator to take it out of service.
 */
import { setTimeout as wait } from 'node:timers/promises'
import manifest from '../../package.json' with { type: 'json' }
import { createApiServer } from '../../kube/api-server.ts'
import { readConfig } from '../../process/config.ts'
import { createLog } from '../../process/log.ts'
import { runProcess } from '../../process/main.ts'
import { COMMON_SETTINGS } from '../../process/settings.ts'
import { removeAll } from './remove-all.ts'

const SETTINGS = { kubeconfig: COMMON_SETTINGS.kubeconfig, logLevel: COMMON_SETTINGS.logLevel } as const
const PAUSE_MS = 500
/** Longer than a standby needs to lead. */
const PATIENCE_MS = 30_000

await runProcess(process, async (stop) => {
  const config = readConfig(SETTINGS, process.env)
  const api = createApiServer({
    userAgent: `hooklet-uninstall/${manifest.version}`,
    ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }),
  })
  try {
    await removeAll({
      api,
      log: createLog({ level: config.logLevel, stream: process.stderr }),
      pause: () => wait(PAUSE_MS, undefined, { signal: stop }),
      patience: PATIENCE_MS / PAUSE_MS,
    })
  } finally {
    api.close()
  }
})
