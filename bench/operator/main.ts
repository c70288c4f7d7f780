/**
 * The control plane with many Webhooks: how long operator and ingress take from their start until everything
 * is served, how long it takes until a new Webhook answers its first call, and what they need of memory. A
 * real kube-apiserver, etcd and Redis share the machine with them.
 * `node bench/operator/main.ts [--webhooks 10000] [--applies 300]`
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startCluster } from '../../test/support/kubernetes/cluster.ts'
import type { Cluster } from '../../test/support/kubernetes/cluster.ts'
import { CRD_OBJECTS } from '../../test/support/kubernetes/manifests.ts'
import { startRedisServer } from '../../test/support/redis-server.ts'
import {
  configMap,
  install,
  path,
  secret,
  webhook,
  workflow,
  type Installation,
} from '../../test/cluster/installation.ts'

const { values } = parseArgs({
  options: {
    webhooks: { type: 'string', default: '10000' },
    applies: { type: 'string', default: '300' },
  },
})
const COUNT = Number(values.webhooks)
const APPLIES = Number(values.applies)
/**
 * Of each hundred Webhooks, all of a namespace: how many have a Secret of their own, and how many a token
 * from a global.
 */
const WITH_SECRET = 20
const WITH_GLOBAL = 10
/** One Workflow for so many Webhooks. */
const PER_WORKFLOW = 10
const CREATORS = 16

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`

function* resources(): Generator<{ target: string; body: object }> {
  for (let index = 0; index < COUNT; index++) {
    const namespace = `tenant-${Math.floor(index / 100)}`
    const place = index % 100
    const name = `hook-${place}`
    if (place === 0) {
      yield { target: '/api/v1/namespaces', body: { metadata: { name: namespace } } }
      const globals = configMap(
        namespace,
        'settings',
        { TOKEN: 'a-token' },
        { 'hooklet.dev/globals': 'true' },
      )
      yield { target: path.configMap(namespace), body: globals }
    }
    const value =
      place < WITH_SECRET
        ? { valueFrom: { secretKeyRef: { name, key: 'token' } } }
        : { value: '${ $globals.TOKEN }' }
    if (place < WITH_SECRET)
      yield { target: path.secret(namespace), body: secret(namespace, name, { token: `token-of-${name}` }) }
    const guarded = place < WITH_SECRET + WITH_GLOBAL ? { auth: { bearer: { tokens: [value] } } } : {}
    yield { target: path.webhook(namespace), body: webhook(namespace, name, guarded) }
    if (place % PER_WORKFLOW === 0) {
      const body = workflow(namespace, name, {
        triggers: [{ webhook: name, when: '${ .method == "post" }' }],
        do: [
          { answer: { call: 'reply', with: { body: '${ {got: .body, city: ($globals.CITY // "Ulm")} }' } } },
        ],
      })
      yield { target: path.workflow(namespace), body }
    }
  }
}

async function createAll(cluster: Cluster): Promise<void> {
  const all = resources()
  // A namespace must be there before what is in it: one creator makes it, the others are at most a few
  // objects ahead.
  const creator = async (): Promise<void> => {
    for (const { target, body } of all) {
      for (;;) {
        const { status } = await cluster.request('POST', target.replace(/\/$/, ''), { body })
        if (status === 201) break
        if (status !== 404) throw new Error(`POST ${target}: ${status}`)
      }
    }
  }
  await Promise.all(Array.from({ length: CREATORS }, creator))
}

function memory({ pid }: { pid: number }): string {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return `${Math.round(Number(kib) / 1024)} MB`
}

const agent = new Agent({ keepAlive: true })

async function call(url: string, token: string): Promise<number> {
  const outgoing = request(`${url}/webhooks/${token}`, { method: 'POST', agent })
  outgoing.end()
  const [response] = await once(outgoing, 'response')
  response.resume()
  await once(response, 'end')
  return response.statusCode as number
}

/** Milliseconds from the end of the create to the end of the first call that is answered 200. */
async function applyToLive(cluster: Cluster, url: string, nth: number): Promise<number> {
  const namespace = `tenant-${nth % (COUNT / 100)}`
  const name = `live-${nth}`
  const token = `token-of-the-live-webhook-${nth}`
  await cluster.request('POST', path.secret(namespace).replace(/\/$/, ''), {
    body: secret(namespace, name, { token }),
  })
  const pinned = webhook(namespace, name, { tokenFrom: { secretKeyRef: { name, key: 'token' } } })
  const { status } = await cluster.request('POST', path.webhook(namespace).replace(/\/$/, ''), {
    body: pinned,
  })
  if (status !== 201) throw new Error(`Webhook ${name}: ${status}`)
  const begun = performance.now()
  while ((await call(url, token)) !== 200) if (performance.now() - begun > 30_000) throw new Error('not live')
  return performance.now() - begun
}

const quantile = (sorted: number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(0)

async function run(cluster: Cluster, site: Installation): Promise<void> {
  let begun = performance.now()
  await createAll(cluster)
  say(`${COUNT} Webhooks created in ${seconds(begun)}`)

  begun = performance.now()
  const first = await site.launch('operator')
  await first.logged('Everything is in place')
  say(`operator, nothing made yet: everything in place after ${seconds(begun)}; ${memory(first)}`)
  await first.stop()

  begun = performance.now()
  const operator = await site.launch('operator')
  await operator.logged('Everything was read')
  say(`operator, all made: everything read after ${seconds(begun)}`)
  await operator.logged('Everything is in place')
  say(`operator, all made: everything in place after ${seconds(begun)}; ${memory(operator)}`)

  begun = performance.now()
  const launched = await site.launch('ingress')
  const ingress = await launched.ready
  say(`ingress: listens with all routes after ${seconds(begun)}; ${memory(ingress)}`)

  const times: number[] = []
  for (let nth = 0; nth < APPLIES; nth++) times.push(await applyToLive(cluster, ingress.url, nth))
  times.sort((a, b) => a - b)
  say(
    `apply to live, ${APPLIES} times: p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms, most ${quantile(times, 1)} ms`,
  )
  say(`memory after that: operator ${memory(operator)}, ingress ${memory(ingress)}`)
}

const [cluster, redis] = await Promise.all([startCluster(), startRedisServer()])
let site: Installation | undefined
try {
  await cluster.apply(CRD_OBJECTS)
  site = await install(cluster, { watched: 'all', env: { HOOKLET_REDIS: redis.url } })
  await run(cluster, site)
} finally {
  agent.destroy()
  await site?.close()
  await redis.close()
  await cluster.close()
}
