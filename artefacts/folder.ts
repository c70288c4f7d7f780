/**
 * Compiled artefacts in a folder: `NAMESPACE.NAME.route.json` and `NAMESPACE.NAME.plan.json`, one JSON object
 * each, as `hooklet compile` writes them. Ingress and runner read them from here when no API server is there
 * to watch.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { watch } from 'chokidar'
import type { ArtefactFollowing, ArtefactName, ArtefactSink } from './artefact.ts'

export interface ArtefactFolderOptions<Artefact> {
  folder: string
  kind: 'route' | 'plan'
  sink: ArtefactSink<Artefact>
  /** Told of a file that is not taken, and why. */
  onFault(file: string, error: Error): void
}

/** Changes that come within this time are one. */
const SETTLE_MS = 50
/** Well above the 1 MiB that a Secret may hold, in which artefacts come from an API server. */
const MAX_BYTES = 4 * 1024 * 1024

/** The file name of an artefact. Namespaces hold no dot, so that the two parts stay apart. */
export function artefactFile({ namespace, name }: ArtefactName, kind: 'route' | 'plan'): string {
  return `${namespace}.${name}.${kind}.json`
}

/**
 * Fills the sink from the folder and keeps it in step. Resolves after the first complete reading, so that a
 * process is ready only then; rejects when the folder can't be read.
 */
export async function followArtefactFolder<Artefact extends ArtefactName>(
  options: ArtefactFolderOptions<Artefact>,
): Promise<ArtefactFollowing<Artefact>> {
  const { folder, kind, sink, onFault } = options
  /**
   * What was read of each file, whether it was taken or not: nothing is read, and no fault is told, twice.
   */
  const known = new Map<string, { version: string; name?: ArtefactName }>()
  const suffix = `.${kind}.json`

  const readArtefact = async (file: string): Promise<Artefact> => {
    const artefact = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as Artefact
    if (artefactFile(artefact, kind) !== file)
      throw new Error(
        `holds ${artefact.namespace}/${artefact.name}, which belongs into ${artefactFile(artefact, kind)}: rename it, or compile again`,
      )
    return artefact
  }

  const take = async (file: string): Promise<void> => {
    const before = known.get(file)
    try {
      const { size, mtimeMs, ino } = await stat(path.join(folder, file))
      const version = `${ino}/${mtimeMs}/${size}`
      if (before?.version === version) return
      known.set(file, { ...before, version })
      if (size > MAX_BYTES)
        throw new Error('is larger than 4 MiB, the most that is read: make what it was compiled from smaller')
      const artefact = await readArtefact(file)
      sink.put(artefact)
      known.set(file, { version, name: { namespace: artefact.namespace, name: artefact.name } })
    } catch (error) {
      onFault(file, error as Error)
    }
  }

  const read = async (): Promise<void> => {
    const files = (await readdir(folder)).filter((file) => file.endsWith(suffix))
    const present = new Set(files)
    for (const [file, { name }] of known)
      if (!present.has(file)) {
        if (name) sink.remove(name)
        known.delete(file)
      }
    for (const file of files.toSorted()) await take(file)
  }

  const watcher = watch(folder, { ignoreInitial: true, depth: 0 })
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  let timer: NodeJS.Timeout | undefined
  let reading = read()
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      reading = reading.then(read).catch((error: unknown) => onFault(folder, error as Error))
    }, SETTLE_MS)
  })
  watcher.on('error', (error) => onFault(folder, error as Error))
  try {
    await reading
  } catch (error) {
    await watcher.close()
    throw new Error(
      `the folder of artefacts ${folder} can't be read (${(error as Error).message}): set HOOKLET_ARTEFACTS to one that \`hooklet compile\` wrote`,
      { cause: error },
    )
  }
  return {
    async read(name) {
      try {
        return await readArtefact(artefactFile(name, kind))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    readFormer: () => Promise.resolve(undefined),
    async close() {
      clearTimeout(timer)
      await watcher.close()
      await reading
    },
  }
}
