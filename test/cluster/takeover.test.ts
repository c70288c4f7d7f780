/**
 * An operator whose watches are dead, or whose reads fail, harms nothing that is served: on a real API
 * server.
 */
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import { createApiServer } from '../../kube/api-server.ts'
import type { ApiServer } from '../../kube/api-server.ts'
import { ApiError } from '../../kube/error.ts'
import { startOperator } from '../../operator/operator.ts'
import type { Operator } from '../../operator/operator.ts'
import { createExpressionPool } from '../../runner/expression/pool.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../support/kubernetes/manifests.ts'
import {
  artefacts,
  eventually,
  get,
  path,
  says,
  secret,
  webhook,
  workflow,
  type Reported,
} from './installation.ts'

jest.setTimeout(60_000)

let cluster: Cluster
let tenant: string
let system: string
beforeAll(async () => {
  cluster = await startCluster()
  await cluster.apply(CRD_OBJECTS)
})
afterAll(() => cluster?.close())
beforeEach(async () => {
  tenant = await cluster.namespace('tenant')
  system = await cluster.namespace('system')
})

/**
 * A connection to the API server whose watches can fall silent, as they do when a connection dies without a
 * word.
 */
function deafening(): { api: ApiServer; deafen(): void } {
  const api = createApiServer({ kubeconfig: cluster.kubeconfig, userAgent: 'test' })
  let open: IncomingMessage[] = []
  return {
    deafen() {
      for (const stream of open) stream.unpipe()
      open = []
    },
    api: {
      ...api,
      async open(request) {
        const stream = await api.open(request)
        open.push(stream)
        const out = new PassThrough()
        stream.pipe(out)
        stream.on('error', (error) => out.destroy(error))
        out.on('close', () => stream.destroy())
        return Object.assign(out, { setTimeout: () => out }) as unknown as IncomingMessage
      },
    },
  }
}

function start(identity: string, api: ApiServer): { operator: Operator; stop(): Promise<void> } {
  const expressions = createExpressionPool({ workers: 1 })
  let count = 0
  const operator = startOperator({
    api,
    expressions,
    log: pino({ level: 'silent' }),
    namespace: system,
    watchNamespaces: [tenant],
    sharedGlobals: false,
    publicUrl: 'https://hooks.example.com',
    identity,
    newToken: () => `${identity}-token-${String(count++)}`.padEnd(32, 'x'),
    newSuffix: () => `${identity}${String(count++)}`,
    leaseTimes: { durationMs: 3_000, renewWithinMs: 2_000, retryMs: 200 },
  })
  return {
    operator,
    async stop() {
      await operator.stop()
      await expressions.close()
      api.close()
    },
  }
}

const becomes = (condition: () => boolean): Promise<true> =>
  eventually(() => Promise.resolve(condition() || undefined))

const uids = async (): Promise<(string | undefined)[]> => [
  (await get(cluster, path.webhook(tenant, 'orders'))).metadata.uid,
  (await get(cluster, path.workflow(tenant, 'ship'))).metadata.uid,
]

test('what was made while its watches were dead is neither deleted nor missed', async () => {
  const first = start('first', createApiServer({ kubeconfig: cluster.kubeconfig, userAgent: 'test' }))
  await becomes(() => first.operator.isLeader())
  const { api, deafen } = deafening()
  const second = start('second', api)
  try {
    await becomes(() => second.operator.isReady())
    deafen()
    await cluster.apply([webhook(tenant, 'orders'), workflow(tenant, 'ship')])
    await says(cluster, path.workflow(tenant, 'ship'), /^True/)
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving: Calls start ship/)
    const before = await artefacts(cluster, system)
    const secretBefore = await get(cluster, path.secret(system, `route.${tenant}.orders`))
    await first.stop()
    await becomes(() => second.operator.isLeader() && second.operator.queued === 0)
    // Work of the new leader that is seen from outside: by then it has swept.
    await cluster.apply([webhook(tenant, 'later')])
    await says(cluster, path.webhook(tenant, 'later'), /^True/)
    const after = await artefacts(cluster, system)
    expect(after[`route.${tenant}.orders`]).toEqual(before[`route.${tenant}.orders`])
    expect(after[`plan.${tenant}.ship`]).toEqual(before[`plan.${tenant}.ship`])
    expect((await get(cluster, path.secret(system, `route.${tenant}.orders`))).metadata.uid).toBe(
      secretBefore.metadata.uid,
    )
    expect([after[`route.${tenant}.orders`]?.uid, after[`plan.${tenant}.ship`]?.uid]).toEqual(await uids())
  } finally {
    await second.stop()
  }
})

test('a Workflow that can not be compiled, for a Secret that can not be read, keeps nobody from being served', async () => {
  const api = createApiServer({ kubeconfig: cluster.kubeconfig, userAgent: 'test' })
  const { operator, stop } = start('only', {
    ...api,
    send: (request) =>
      request.path.endsWith('/secrets/broken')
        ? Promise.reject(
            new ApiError({ status: 500, reason: 'InternalError', message: 'can not be decrypted' }),
          )
        : api.send(request),
  })
  try {
    await becomes(() => operator.isLeader())
    await cluster.apply([
      secret(tenant, 'broken', { key: 'value' }),
      workflow(tenant, 'ship', { use: { secrets: ['broken'] } }),
      workflow(tenant, 'bill'),
      webhook(tenant, 'orders'),
    ])
    await says(cluster, path.webhook(tenant, 'orders'), /^True Serving/)
    await says(cluster, path.workflow(tenant, 'bill'), /^True/)
    expect((await get<Reported>(cluster, path.workflow(tenant, 'ship'))).status).toBeUndefined()
  } finally {
    await stop()
  }
})
