import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { startDev } from '../../cli/dev/server.ts'
import type { DevReport } from '../../cli/dev/server.ts'

export interface ServedFolder extends DevReport {
  /** The value of a placeholder of an `.http` file. */
  placeholder(name: string): string | undefined
  /** Resolves with the first report, from the next on, that `wanted` takes. */
  nextReport(wanted: (report: DevReport) => boolean): Promise<DevReport>
  stop(): Promise<void>
}

/** Serves a folder of manifests on a free port of the loopback interface. */
export async function startFolder(
  root: string,
  more: { redis?: string; stateDir?: string; sharedGlobals?: string } = {},
): Promise<ServedFolder> {
  const stateDir = await mkdtemp(path.join(tmpdir(), 'hooklet-tokens-'))
  let last: DevReport | undefined
  const waiting = new Set<(report: DevReport) => void>()
  const server = await startDev({
    root,
    host: '127.0.0.1',
    port: 0,
    stateDir: more.stateDir ?? stateDir,
    sharedGlobals: more.sharedGlobals,
    ...(more.redis === undefined ? {} : { redis: more.redis }),
    log: pino({ enabled: false }),
    onChange(report) {
      last = report
      for (const tell of waiting) tell(report)
    },
  })
  if (!last) throw new Error('no report before the start')
  const url = (name: string): string | undefined => last?.rows.find((row) => row.name === name)?.url
  return {
    ...last,
    placeholder(name) {
      if (name === 'base') return server.baseUrl
      return name.endsWith('.token') ? url(name.slice(0, -6))?.split('/').at(-1) : url(name)
    },
    nextReport: (wanted) =>
      new Promise((resolve) => {
        const tell = (report: DevReport): void => {
          if (!wanted(report)) return
          waiting.delete(tell)
          resolve(report)
        }
        waiting.add(tell)
      }),
    async stop() {
      await server.stop({ deadlineMs: 0 })
      await rm(stateDir, { recursive: true })
    },
  }
}
