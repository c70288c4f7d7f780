/**
 * A node of kind (Kubernetes in Docker), for machines with Docker and without root. Its programs `kind` and
 * `docker` are the user's.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runKubectl } from '../kubernetes/cluster.ts'
import { KUBERNETES_VERSION, findPrograms } from '../kubernetes/programs.ts'
import { run } from './daemon.ts'
import type { Node } from './node.ts'

export async function startKind(env: NodeJS.ProcessEnv = process.env): Promise<Node> {
  const programs = findPrograms(env)
  if (programs === undefined)
    throw new Error(`there is no kubectl ${KUBERNETES_VERSION}; npm test provides it`)
  const folder = await mkdtemp(path.join(tmpdir(), 'hooklet-kind-'))
  const name = `hooklet-${randomBytes(3).toString('hex')}`
  const kubeconfig = path.join(folder, 'kubeconfig')
  const close = async (): Promise<void> => {
    await run('kind', ['delete', 'cluster', '--name', name, '--kubeconfig', kubeconfig])
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await run('kind', ['create', 'cluster', '--name', name, '--kubeconfig', kubeconfig, '--wait', '120s'])
  } catch (error) {
    await close()
    throw error
  }
  const kubectl: Node['cluster']['kubectl'] = (args, options = {}) =>
    runKubectl(path.join(programs, 'kubectl'), args, { kubeconfig, home: folder, ...options })
  return {
    cluster: {
      kubeconfig,
      kubectl,
      async apply(objects) {
        const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })
        const { code, stderr } = await kubectl(['apply', '--server-side', '-f', '-'], { input })
        if (code !== 0) throw new Error(stderr)
      },
    },
    address: await gateway(),
    providesVolumes: true,
    log: () => '',
    load: async (archive) => void (await run('kind', ['load', 'image-archive', archive, '--name', name])),
    close,
  }
}

/** The machine's address on the network of kind's containers. */
async function gateway(): Promise<string> {
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}'
  const addresses = await run('docker', ['network', 'inspect', 'kind', '--format', format])
  const found = addresses.split(/\s+/).find((address) => /^\d+\./.test(address))
  if (found === undefined) throw new Error('the network of kind has no gateway')
  return found
}
