/** The images of the cluster's tests: ours, as the Dockerfile makes it, and those that it needs besides. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { withLibraries, writeImage } from './archive.ts'
import type { Layer } from './archive.ts'

const run = promisify(execFile)
const root = path.join(import.meta.dirname, '../../..')

export const PAUSE_IMAGE = 'docker.io/hooklet/pause:test'

/** What the image says of itself, as `Dockerfile` does. */
export const HOOKLET_CONFIG = {
  User: '65532:65532',
  WorkingDir: '/app',
  Env: ['PATH=/usr/local/bin', 'NODE_ENV=production'],
  Entrypoint: ['node'],
  Cmd: ['cli/main.ts', '--help'],
}

/** Names are looked up in the cluster's DNS. */
const NAME_SERVICE: Layer = { '/etc/nsswitch.conf': { text: 'hosts: files dns\n' } }

/**
 * Writes our image from this source, on the Node that runs this; without the bill of materials, which has a
 * time and an id of its own in each build.
 */
export async function writeHookletImage(file: string, names: string[]): Promise<void> {
  await writeImage({ names, layers: await hookletLayers(), config: HOOKLET_CONFIG }, file)
}

export async function hookletLayers(): Promise<Layer[]> {
  const node = process.execPath
  return [
    { '/usr/local/bin/node': { from: node }, ...(await withLibraries(node)), ...NAME_SERVICE },
    await dependencies(),
    await application(),
  ]
}

/** The packages that are needed at run time, as `npm ci --omit=dev` installs them. */
async function dependencies(): Promise<Layer> {
  const lock = JSON.parse(await readFile(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>
  }
  const needed = Object.entries(lock.packages).filter(
    ([place, { dev, optional }]) => place !== '' && dev !== true && optional !== true,
  )
  // One that is inside of another comes with it.
  const outer = needed.filter(([place]) => place.lastIndexOf('node_modules/') === 0)
  return Object.fromEntries(outer.map(([place]) => [`/app/${place}`, { from: path.join(root, place) }]))
}

/** What `.dockerignore` lets through. */
async function application(): Promise<Layer> {
  const lines = (await readFile(path.join(root, '.dockerignore'), 'utf8')).split('\n')
  const names = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1))
  return Object.fromEntries(names.map((name) => [`/app/${name}`, { from: path.join(root, name) }]))
}

/**
 * The machine's Valkey as an image, whose programs answer to the names of Redis', too, as in Valkey's own
 * image; where the machine has none, its Redis. Gives which it is.
 */
export async function writeRedisImage(file: string, names: string[]): Promise<'valkey' | 'redis'> {
  const kind = await find('valkey-server').then(
    () => 'valkey' as const,
    () => 'redis' as const,
  )
  const layers = await Promise.all(
    ['server', 'cli'].map(async (program) => {
      const from = await find(`${kind}-${program}`)
      return { [`/usr/bin/redis-${program}`]: { from }, ...(await withLibraries(from)) }
    }),
  )
  const config = { Env: ['PATH=/usr/bin'], WorkingDir: '/data', Entrypoint: [] }
  await writeImage({ names, layers: [Object.assign({}, ...layers, NAME_SERVICE)], config }, file)
  return kind
}

async function find(program: string): Promise<string> {
  return (await run('which', [program])).stdout.trim()
}

/** What every pod has: a process that waits, so that the pod's network stays. */
export async function writePauseImage(file: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-pause-'))
  try {
    await writeFile(path.join(folder, 'go.mod'), 'module pause\n')
    await writeFile(path.join(folder, 'main.go'), PAUSE)
    await run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', 'pause', '.'], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' },
    })
    const layers = [{ '/pause': { from: path.join(folder, 'pause') } }]
    await writeImage({ names: [PAUSE_IMAGE], layers, config: { Entrypoint: ['/pause'] } }, file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
}
`
