/** Containers of an image, as a cluster runs them: by runc, restricted, on a read-only root; on the network of the machine. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { tryRun } from '../node/daemon.ts'
import type { BuiltImage } from './buildah.ts'

export interface ContainerOptions {
  /** Behind the entry point; default: the image's own. */
  args?: string[]
  env?: Record<string, string>
  /** Files and folders of this machine by their place inside, where they can be read only. */
  mounts?: Record<string, string>
}

export interface Containers {
  /** Signals to what is started go to process 1 of the container; it ends as that does. */
  start(options: ContainerOptions): ChildProcess
  /** Ends what still runs. */
  close(): Promise<void>
}

export function createContainers(image: Pick<BuiltImage, 'config' | 'rootfs'>): Containers {
  const folder = mkdtempSync(path.join(tmpdir(), 'hooklet-containers-'))
  const state = path.join(folder, 'state')
  const ids: string[] = []
  return {
    start(options) {
      const id = `hooklet-${randomBytes(4).toString('hex')}`
      ids.push(id)
      const bundle = path.join(folder, id)
      mkdirSync(bundle)
      writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(specification(image, options)))
      return spawn('runc', ['--root', state, 'run', '--bundle', bundle, id], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    },
    async close() {
      for (const id of ids) await tryRun('runc', ['--root', state, 'delete', '--force', id])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** As the OCI runtime specification has it. */
function specification(
  { config, rootfs }: Pick<BuiltImage, 'config' | 'rootfs'>,
  { args = config.Cmd ?? [], env = {}, mounts = {} }: ContainerOptions,
): object {
  const [uid = 0, gid = 0] = (config.User ?? '').split(':').map(Number)
  const none: string[] = []
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid, gid },
      args: [...(config.Entrypoint ?? []), ...args],
      env: [...(config.Env ?? []), ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      cwd: config.WorkingDir ?? '/',
      capabilities: { bounding: none, effective: none, permitted: none },
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ...Object.entries(mounts).map(([destination, source]) => ({
        destination,
        source,
        type: 'bind',
        options: ['bind', 'ro', 'nosuid', 'nodev'],
      })),
    ],
    linux: { namespaces: ['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
  }
}
