/**
 * What `docs/kubectl.md` shows is what kubectl prints. `UPDATE_DOCS=1 npm test -- test/cluster/kubectl`
 * writes it into the page.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { findPrograms } from '../support/kubernetes/programs.ts'
import { startSite } from './site.ts'
import type { Site } from './site.ts'

jest.setTimeout(90_000)

const page = path.join(import.meta.dirname, '../../docs/kubectl.md')

let site: Site
let folder: string
let kubeconfig: string
beforeAll(async () => {
  site = await startSite({ env: { HOOKLET_PUBLIC_URL: 'https://hooks.example.com' } })
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-page-'))
  const metadata = { name: 'shop' }
  await site.cluster.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'shop', namespace: 'shop' }],
    },
  ])
  const token = await site.cluster.tokenOf('shop', 'shop')
  kubeconfig = await site.cluster.writeKubeconfig(token, { namespace: 'shop' })
})
afterAll(async () => {
  await site?.close()
  await rm(folder, { recursive: true, force: true })
})

const programs = findPrograms(process.env)
const CONSOLE = /^```console\n([^]*?)^```$/gm
const updating = process.env['UPDATE_DOCS'] === '1'

test('docs/kubectl.md shows what is printed; if not, UPDATE_DOCS=1 npm test -- test/cluster/kubectl', async () => {
  const before = await readFile(page, 'utf8')
  for (const [, name = '', manifest = ''] of before.matchAll(/^```yaml\n# (\S+\.yaml)\n([^]*?)^```$/gm))
    await writeFile(path.join(folder, name), manifest)
  let after = before
  for (const [block, content = ''] of before.matchAll(CONSOLE)) {
    const shown: string[] = []
    for (const part of content.split(/^(?=\$ )/m)) {
      const command = part.slice(0, part.indexOf('\n'))
      shown.push(`${command}\n${await print(command, part.trimEnd())}`)
    }
    after = after.replace(block, () => `\`\`\`console\n${shown.join('\n').trimEnd()}\n\`\`\``)
  }
  if (updating) await writeFile(page, after)
  else expect(before).toBe(after)
})

/**
 * What the command prints, when that is what is expected; else what it still prints after a while: the
 * operator may not be done.
 */
async function print(command: string, expected: string): Promise<string> {
  const deadline = Date.now() + (updating ? 2_000 : 5_000)
  const looks = /^\$ kubectl (get|describe) /.test(command)
  for (;;) {
    const output = steady(command, await run(command.slice(2)))
    const asExpected = !updating && `${command}\n${output}`.trimEnd() === expected
    if (asExpected || !looks || Date.now() > deadline) return output
    await pause(100)
  }
}

/** Runs a line as a shell would, in the namespace `shop`; what it prints, of both kinds. */
async function run(line: string): Promise<string> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const child = spawn('sh', ['-c', `${line} 2>&1`], {
      cwd: folder,
      env: {
        ...process.env,
        KUBECONFIG: kubeconfig,
        HOME: folder,
        PATH: [programs, process.env['PATH']].join(path.delimiter),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output = await text(child.stdout)
    // The schema of a CRD that was just applied comes a moment later.
    if (!output.startsWith("error: couldn't find resource") || Date.now() > deadline) return output
    await pause(100)
  }
}

/** Token by token, what stands for it on the page. */
const samples = new Map<string, string>()
const SAMPLES = [
  'c7MdWq2xJf5Rk9TzLs4Gb8Ny1Vh6Pe3o',
  'JX2Qb5s0vTnR8yLwZk3dGf7hMc1aPe9u',
  'p4Wt7Kz1Hq9Bv6Nc3Xs8Rj5Fm2Ld0Yg_',
]

/** The output with everything that is different in each run replaced by something of the same width. */
function steady(command: string, output: string): string {
  const aged = command.startsWith('$ kubectl get ') ? output.replaceAll(/ \d+s$/gm, ' 5s') : output
  return aged
    .replaceAll(/(?<=\/webhooks\/)[\w-]{32}/g, (token) => {
      const sample = samples.get(token) ?? SAMPLES[samples.size] ?? ''
      samples.set(token, sample)
      return sample
    })
    .replaceAll(/ +$/gm, '')
    .replaceAll(/^( +UID: +)[\da-f-]{36}$/gm, '$1b3a6a2fe-40a1-4c3b-9a9e-6a1d0c3f7e25')
    .replaceAll(/^( +Resource Version: +)\d+$/gm, '$12217')
    .replaceAll(/^( +(?:Creation Timestamp|Last Transition Time): +)\S+$/gm, '$12026-03-02T09:30:00Z')
    .replaceAll(
      /^( {2}(?:Normal|Warning) +\w+ +)(\d+s +)/gm,
      (_, before: string, age: string) => before + '5s'.padEnd(age.length),
    )
}
