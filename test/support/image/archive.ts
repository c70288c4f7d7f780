/**
 * Container images as Docker and containerd load them, without either: an archive of layers (the format of
 * `docker save`).
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Of a layer: what is at which absolute path; a text, or a file or folder of this machine. */
export type Layer = Record<string, { text: string } | { from: string }>

export interface Image {
  /** Each as `registry/name:tag`. */
  names: string[]
  layers: Layer[]
  /** As Docker's image configuration has it: Entrypoint, Cmd, Env, User, WorkingDir, Labels. */
  config: Record<string, unknown>
}

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Writes the archive. The same content gives the same image: times and owners are left out. */
export async function writeImage({ names, layers, config }: Image, file: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-image-'))
  try {
    const files: string[] = []
    for (const [index, layer] of layers.entries()) {
      const tree = path.join(folder, `tree-${index}`)
      await mkdir(tree)
      for (const [target, source] of Object.entries(layer)) await place(source, path.join(tree, target))
      files.push(`layer-${index}.tar`)
      await pack(tree, path.join(folder, `layer-${index}.tar`))
    }
    const diffs = await Promise.all(files.map((layer) => digest(path.join(folder, layer))))
    const image = {
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: diffs.map((hash) => `sha256:${hash}`) },
    }
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(image))
    const manifest = [{ Config: 'config.json', RepoTags: names, Layers: files }]
    await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest))
    await run('tar', ['-cf', file, '-C', folder, 'manifest.json', 'config.json', ...files])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function place(source: Layer[string], target: string): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true })
  if ('text' in source) {
    await writeFile(target, source.text)
    return
  }
  const isFolder = (await stat(source.from)).isDirectory()
  await cp(source.from, target, { recursive: isFolder, dereference: true })
}

async function pack(tree: string, file: string): Promise<void> {
  const steady = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=go=rX']
  await run('tar', [...steady, '-cf', file, '-C', tree, '.'])
}

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** A program of this machine with the libraries that it is linked to, each at its own path. */
export async function withLibraries(program: string): Promise<Layer> {
  const { stdout } = await run('ldd', [program])
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, library = '']) => library)
  return Object.fromEntries(libraries.map((library) => [library, { from: library }]))
}
