/** How a machine without a control plane gets one. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { cacheFolder, findPrograms, KUBERNETES_VERSION, PROGRAMS } from './programs.ts'
import { provideKubernetes } from './provide.ts'

const undo: (() => Promise<unknown>)[] = []
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-provide-'))
  undo.push(() => rm(folder, { recursive: true }))
})
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

const os = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`

async function programsIn(place: string): Promise<void> {
  await mkdir(place, { recursive: true })
  for (const name of PROGRAMS) {
    await writeFile(path.join(place, name), `#!/bin/sh\necho ${name}\n`)
    await chmod(path.join(place, name), 0o755)
  }
}

/** An archive as the Kubernetes project makes it, behind an index of it. */
async function serveArchive(spoil: (archive: Buffer) => Buffer = (archive) => archive): Promise<string> {
  await programsIn(path.join(folder, 'tree/controller-tools/envtest'))
  const file = path.join(folder, 'envtest.tar.gz')
  execFileSync('tar', ['-czf', file, '-C', path.join(folder, 'tree'), 'controller-tools'])
  const archive = await readFile(file)
  const hash = createHash('sha512').update(archive).digest('hex')
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo
    const entry = (version: string, hash: string): object => ({
      [`envtest-v${version}-${os}.tar.gz`]: { hash, selfLink: `http://127.0.0.1:${port}/${version}` },
    })
    const minor = KUBERNETES_VERSION.split('.').slice(0, 2).join('.')
    const releases = {
      'v1.2.3': entry('1.2.3', 'of another version'),
      [`v${minor}.1`]: entry(`${minor}.1`, 'of an older one'),
      [`v${minor}.10`]: entry(`${minor}.10`, hash),
    }
    if (request.url === '/index') response.end(stringify({ releases }))
    else if (request.url === `/${minor}.10`) response.end(spoil(archive))
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/index`
}

/** On a machine without Go. */
async function provide(index: string, more: NodeJS.ProcessEnv = {}) {
  const said: string[] = []
  const env = { XDG_CACHE_HOME: folder, ...more }
  const go = path.join(folder, 'no-go')
  const found = await provideKubernetes(env, { index, go, say: (line) => said.push(line) })
  return { env, found, said: said.join('\n') }
}

describe('programs', () => {
  test('are found where KUBEBUILDER_ASSETS says, else in the cache folder, when all are there', async () => {
    const assets = path.join(folder, 'assets')
    const env = { XDG_CACHE_HOME: folder, KUBEBUILDER_ASSETS: assets }
    expect(findPrograms(env)).toBeUndefined()
    await programsIn(cacheFolder(env))
    expect(findPrograms(env)).toBe(cacheFolder(env))
    await programsIn(assets)
    expect(findPrograms(env)).toBe(assets)
    await rm(path.join(assets, 'kubectl'))
    expect(findPrograms(env)).toBe(cacheFolder(env))
  })

  test('come from the newest archive of our minor version', async () => {
    const { env, found } = await provide(await serveArchive())
    expect(found).toBe(true)
    expect(findPrograms(env)).toBe(cacheFolder(env))
    expect(execFileSync(path.join(cacheFolder(env), 'etcd'), { encoding: 'utf8' })).toBe('etcd\n')
  })
})

describe('without any way', () => {
  test('a spoilt archive is refused, nothing is left, and it is said loudly what is skipped', async () => {
    const index = await serveArchive((archive) => Buffer.concat([archive, Buffer.from('x')]))
    const { env, found, said } = await provide(index)
    expect(found).toBe(false)
    expect(findPrograms(env)).toBeUndefined()
    expect(said).toContain('has not the checksum that the index says')
    expect(said).toContain('*** SKIPPED: all tests on a real API server')
    expect(said).toContain('KUBEBUILDER_ASSETS')
  })

  test('CI fails', async () => {
    const nowhere = 'http://127.0.0.1:1/index'
    await expect(provide(nowhere, { CI: 'true' })).rejects.toThrow(
      /No control plane for the tests.*build with Go/s,
    )
  })
})
