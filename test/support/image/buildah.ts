/**
 * The Dockerfile, built without Docker and without a registry: by Buildah, as root, on a base image that has
 * the names of its FROM lines and is made of this machine's own Debian packages, Node and npm.
 */
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from '../node/daemon.ts'

const root = path.join(import.meta.dirname, '../../..')

/** The configuration of an image, as the OCI image specification has it. */
export interface ImageConfig {
  User?: string
  Env?: string[]
  Entrypoint?: string[]
  Cmd?: string[]
  WorkingDir?: string
  Labels?: Record<string, string>
}

export interface BuiltImage {
  config: ImageConfig
  /** The folder that is the root of its file system. */
  rootfs: string
  /** What the build said. */
  said: string
  close(): Promise<void>
}

/** Runs every instruction of the Dockerfile. */
export async function buildDockerfile(): Promise<BuiltImage> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-buildah-'))
  const place = ['--root', path.join(folder, 'storage'), '--runroot', path.join(folder, 'run')]
  const buildah = (...args: string[]): Promise<string> =>
    run('buildah', [...place, '--storage-driver', 'vfs', ...args])
  const build = (...args: string[]): Promise<string> =>
    buildah('build', '--isolation', 'chroot', '--pull-never', ...args)
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const file = path.join(root, 'Dockerfile')
    const bases = await basesOf(file)
    const base = path.join(folder, 'base')
    await layOutBase(base)
    await writeFile(path.join(folder, 'Base'), BASE)
    await build('--tag', bases[0] ?? '', '--file', path.join(folder, 'Base'), base)
    for (const name of bases.slice(1)) await buildah('tag', bases[0] ?? '', name)
    await rm(base, { recursive: true })
    const volumes = await npmVolumes()
    const said = await build(...volumes, '--tag', 'hooklet:built', '--file', file, root)
    const inspected = await buildah('inspect', '--type', 'image', 'hooklet:built')
    await buildah('from', '--pull-never', '--name', 'built', 'hooklet:built')
    return {
      config: (JSON.parse(inspected) as { OCIv1: { config: ImageConfig } }).OCIv1.config,
      rootfs: (await buildah('mount', 'built')).trim(),
      said,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The images of the FROM lines, without those that the file makes itself. */
async function basesOf(dockerfile: string): Promise<string[]> {
  const text = await readFile(dockerfile, 'utf8')
  const lines = [...text.matchAll(/^FROM (\S+)(?: AS (\S+))?$/gm)]
  const made = new Set(lines.map(([, , name]) => name))
  return [...new Set(lines.map(([, image = '']) => image))].filter((image) => !made.has(image))
}

/** Like Node's own images, as far as it matters to what is built on them: another entry point, a user, tools. */
const BASE = `FROM scratch
COPY . /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
`

/** What RUN lines and Node need of Debian, with the libraries of it. */
const PACKAGES = ['base-files', 'coreutils', 'dash', 'libc6', 'libgcc-s1', 'libstdc++6'].concat([
  'libacl1',
  'libatomic1',
  'libattr1',
  'libgmp10',
  'libpcre2-8-0',
  'libselinux1',
])

async function layOutBase(base: string): Promise<void> {
  // Packages may name them by what leads to them.
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    await mkdir(path.join(base, 'usr', name), { recursive: true })
  const listed = (await run('dpkg', ['--listfiles', ...PACKAGES])).split('\n')
  const files = listed.filter((file) => file.startsWith('/') && !/^\/usr\/share\/(doc|man|info)\//.test(file))
  const list = path.join(base, 'files')
  await writeFile(list, [...new Set(files)].map((file) => `.${file}\n`).join(''))
  const archive = path.join(base, 'files.tar')
  await run('tar', [
    '-C',
    '/',
    '--no-recursion',
    '--ignore-failed-read',
    '--files-from',
    list,
    '-cf',
    archive,
  ])
  await run('tar', ['-C', base, '--keep-directory-symlink', '-xf', archive])
  await rm(list)
  await rm(archive)

  const local = path.join(base, 'usr/local')
  const modules = path.join(local, 'lib/node_modules')
  for (const name of ['bin', 'etc', 'lib/node_modules', 'include/node', 'share/doc/node'])
    await mkdir(path.join(local, name), { recursive: true })
  await copyFile(process.execPath, path.join(local, 'bin/node'))
  // The package of which the command is a part.
  const npm = (await run('sh', ['-c', 'readlink -f "$(command -v npm)"'])).trim().split('/bin/npm')[0] ?? ''
  await cp(npm, path.join(modules, 'npm'), { recursive: true, dereference: true })
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, path.join(local, 'bin', name))
  await writeFile(path.join(local, 'include/node/node.h'), '')
  await writeFile(path.join(local, 'share/doc/node/gdbinit'), '')
  await writeFile(path.join(local, 'bin/docker-entrypoint.sh'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 })
  await writeFile(path.join(local, 'etc/npmrc'), await npmConfig())
  await mkdir(path.join(base, 'etc'), { recursive: true })
  await writeFile(path.join(base, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n')
}

const npmSetting = async (name: string): Promise<string> =>
  (await run('npm', ['config', 'get', name])).trim().replace(/^(null|undefined)$/, '')

const CACHE = '/npm-cache'
const AUTHORITIES = '/etc/hooklet-test-authorities.crt'

/** Where this machine's npm gets packages from; neither its credentials nor anything else. */
async function npmConfig(): Promise<string> {
  const authorities = (await npmSetting('cafile')) === '' ? '' : `cafile=${AUTHORITIES}\n`
  return `registry=${await npmSetting('registry')}\ncache=${CACHE}\nprefer-offline=true\n${authorities}`
}

/** npm's cache, and the authorities that this machine's npm trusts if it was told of some. */
async function npmVolumes(): Promise<string[]> {
  const [cache, authorities] = [await npmSetting('cache'), await npmSetting('cafile')]
  await mkdir(cache, { recursive: true })
  const volumes = [`${cache}:${CACHE}`, ...(authorities === '' ? [] : [`${authorities}:${AUTHORITIES}:ro`])]
  return volumes.flatMap((volume) => ['--volume', volume])
}
