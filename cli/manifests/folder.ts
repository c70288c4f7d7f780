/** Reads a folder of manifests, as `kubectl apply -R -f` would see it. */
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'

const MANIFEST = /\.ya?ml$/
/** How many manifest files one folder may hold; more is a wrong folder. */
const MAX_FILES = 20_000

/** Whether a file name is a manifest's. */
export function isManifest(file: string): boolean {
  return MANIFEST.test(file)
}

/** Whether a file or folder is passed over: hidden ones and installed packages. */
export function isIgnored(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules'
}

/**
 * The files under `root` that `wanted` takes, sorted by path; `root` may be a file itself. Hidden folders and
 * node_modules are passed over. Rejects when `root` can't be read.
 */
export async function listFiles(root: string, wanted: (file: string) => boolean): Promise<string[]> {
  if ((await stat(root)).isFile()) return wanted(root) ? [root] : []
  const found: string[] = []
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true })
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (isIgnored(entry.name)) continue
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) await visit(file)
      // Anything else than a file, say a pipe, may never end.
      else if (wanted(entry.name) && (entry.isFile() || entry.isSymbolicLink())) found.push(file)
      if (found.length > MAX_FILES) throw new Error(`${root} holds more than ${MAX_FILES} manifests`)
    }
  }
  await visit(root)
  return found
}

/** A file's text, or undefined when it is gone by now. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
