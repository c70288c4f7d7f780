import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { KUBERNETES_VERSION, PROGRAMS } from './programs.ts'

/**
 * Where the Kubernetes project lists the archives of kube-apiserver, etcd and kubectl that it builds for
 * controller tests.
 */
export const ENVTEST_INDEX =
  'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml'

interface Archive {
  name: string
  url: string
  /** SHA-512, hex. */
  hash: string
}

/**
 * Fetches the newest archive of our minor version and unpacks it into `folder`. Throws when it can't be had,
 * or isn't what the index says.
 */
export async function unpackEnvtest(
  folder: string,
  source: { index: string; platform: string; arch: string; timeoutMs: number },
): Promise<void> {
  const index = await get(source.index, AbortSignal.timeout(Math.min(10_000, source.timeoutMs)))
  const archive = newest(parse(index.toString('utf8')), source)
  if (!archive) throw new Error(`the index has no archive for ${source.platform} ${source.arch}`)
  const bytes = await get(archive.url, AbortSignal.timeout(source.timeoutMs))
  const hash = createHash('sha512').update(bytes).digest('hex')
  if (hash !== archive.hash) throw new Error(`${archive.name} has not the checksum that the index says`)
  const scratch = await mkdtemp(path.join(folder, 'archive-'))
  try {
    const file = path.join(scratch, 'envtest.tar.gz')
    await writeFile(file, bytes)
    await promisify(execFile)('tar', ['-xzf', file, '-C', scratch])
    // Wherever in the archive they are.
    for (const inside of await readdir(scratch, { recursive: true })) {
      const name = PROGRAMS.find((program) => program === path.basename(inside))
      if (name !== undefined) await rename(path.join(scratch, inside), path.join(folder, name))
    }
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** The index: releases, each with its archives by name. */
function newest(index: unknown, { platform, arch }: { platform: string; arch: string }): Archive | undefined {
  const { releases } = index as {
    releases: Record<string, Record<string, { hash: string; selfLink: string }>>
  }
  const minor = KUBERNETES_VERSION.split('.').slice(0, 2).join('.')
  const suffix = `-${platform}-${arch === 'x64' ? 'amd64' : arch}.tar.gz`
  return Object.entries(releases)
    .filter(([version]) => version.startsWith(`v${minor}.`) && !version.includes('-'))
    .toSorted(([a], [b]) => patch(b) - patch(a))
    .flatMap(([, archives]) => Object.entries(archives))
    .filter(([name]) => name.endsWith(suffix))
    .map(([name, { hash, selfLink }]) => ({ name, hash, url: selfLink }))[0]
}

const patch = (version: string): number => Number(version.split('.')[2])

async function get(url: string, signal: AbortSignal): Promise<Buffer> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return Buffer.from(await response.arrayBuffer())
}
