/** The image of the tests is what the Dockerfile says. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { writeImage } from './archive.ts'
import { HOOKLET_CONFIG, hookletLayers } from './images.ts'

jest.setTimeout(60_000)

const run = promisify(execFile)
const root = path.join(import.meta.dirname, '../../..')

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-images-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('user, folder, entry point and environment are those of the Dockerfile', async () => {
  const dockerfile = await readFile(path.join(root, 'Dockerfile'), 'utf8')
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '))
  const said = (instruction: string): string =>
    new RegExp(`^${instruction} (.*)$`, 'm').exec(last)?.[1] ?? 'nothing'
  expect({
    User: said('USER'),
    WorkingDir: said('WORKDIR'),
    Entrypoint: JSON.parse(said('ENTRYPOINT')) as unknown,
    Cmd: JSON.parse(said('CMD')) as unknown,
  }).toEqual({
    User: HOOKLET_CONFIG.User,
    WorkingDir: HOOKLET_CONFIG.WorkingDir,
    Entrypoint: HOOKLET_CONFIG.Entrypoint,
    Cmd: HOOKLET_CONFIG.Cmd,
  })
  expect(HOOKLET_CONFIG.Env).toContain(said('ENV'))
})

test('it holds what runs, and neither tests nor tools of development', async () => {
  const places = (await hookletLayers()).flatMap((layer) => Object.keys(layer))
  for (const needed of [
    '/app/ingress',
    '/app/runner',
    '/app/operator',
    '/app/state',
    '/app/node_modules/ioredis',
  ])
    expect(places).toContain(needed)
  for (const other of ['/app/test', '/app/bench', '/app/node_modules/jest', '/app/node_modules/typescript'])
    expect(places).not.toContain(other)
})

test('an archive has layers that are what their digests say, and is the same when it is written again', async () => {
  const image = {
    names: ['docker.io/a/b:c', 'docker.io/a/b:d'],
    layers: [{ '/etc/one': { text: '1' } }, { '/two': { text: '2' } }],
    config: {},
  }
  const files = [path.join(folder, 'one.tar'), path.join(folder, 'two.tar')]
  const configs: string[] = []
  for (const file of files) {
    await writeImage(image, file)
    const read = async (name: string): Promise<string> => (await run('tar', ['-xOf', file, name])).stdout
    const [manifest] = JSON.parse(await read('manifest.json')) as [{ RepoTags: string[]; Layers: string[] }]
    expect(manifest.RepoTags).toEqual(['docker.io/a/b:c', 'docker.io/a/b:d'])
    const { rootfs } = JSON.parse(await read('config.json')) as { rootfs: { diff_ids: string[] } }
    for (const [index, layer] of manifest.Layers.entries()) {
      const { stdout } = await run('sh', ['-c', `tar -xOf ${file} ${layer} | sha256sum`])
      expect(`sha256:${stdout.split(' ')[0]}`).toBe(rootfs.diff_ids[index])
    }
    configs.push(await read('config.json'))
  }
  expect(configs[0]).toBe(configs[1])
})
