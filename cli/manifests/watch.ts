import path from 'node:path'
import { watch } from 'chokidar'
import { isIgnored, isManifest } from './folder.ts'

/** Editors write a file in several steps; what comes within this time is one change. */
const SETTLE_MS = 50

/**
 * Calls `onChange` after manifests under `root` were added, edited or removed; calls never overlap, and a
 * change that comes during one leads to another. Resolves when the watch is in place.
 */
export async function watchManifests(
  root: string,
  onChange: () => Promise<void>,
  onError: (error: Error) => void,
): Promise<{ close(): Promise<void> }> {
  const watcher = watch(root, {
    ignoreInitial: true,
    ignored: (file) => file !== root && isIgnored(path.basename(file)),
  })
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let again = false

  const run = (): void => {
    if (running) {
      again = true
      return
    }
    running = onChange()
      .catch(onError)
      .finally(() => {
        running = undefined
        if (again) {
          again = false
          run()
        }
      })
  }

  watcher.on('all', (event, file) => {
    if (!isManifest(file) && event !== 'unlinkDir' && event !== 'addDir') return
    clearTimeout(timer)
    timer = setTimeout(run, SETTLE_MS)
  })
  watcher.on('error', (error) => onError(error as Error))
  await new Promise<void>((resolve) => watcher.once('ready', resolve))

  return {
    async close() {
      clearTimeout(timer)
      await watcher.close()
      await running
    },
  }
}
