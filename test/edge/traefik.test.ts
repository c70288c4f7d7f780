/**
 * The chart's Ingress and HTTPRoute behind a real controller: Traefik, with the values and settings of the
 * page on proxies. The API server is real; where a cluster has controllers and a kubelet, the test says which
 * pods are ready.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { NAMESPACE, render } from '../charts/render.ts'
import type { Rendered } from '../charts/render.ts'
import { readBlocks } from '../e2e/cluster/pages.ts'
import { startCluster } from '../support/kubernetes/cluster.ts'
import type { Cluster } from '../support/kubernetes/cluster.ts'
import { POD_NETWORK, takeAddresses } from '../support/network.ts'
import type { Daemon } from '../support/node/daemon.ts'
import { freePort } from '../support/redis-server.ts'
import { readGatewayDefinitions, startTraefik } from '../support/traefik.ts'
import { until } from '../support/until.ts'
import { certificateFor } from './certificate.ts'
import { expectEdge } from './contract.ts'
import type { Edge } from './contract.ts'
import { createCaller } from './door.ts'
import { startPods } from './pods.ts'
import type { Pods } from './pods.ts'

jest.setTimeout(180_000)

const INGRESS_HOST = 'hooks.example.com'
const GATEWAY_HOST = 'gateway.example.com'
const ENTRY_POINTS = ['websecure', 'balanced', 'web'] as const
type EntryPoint = (typeof ENTRY_POINTS)[number]

let folder: string
let cluster: Cluster
let pods: Pods
let traefik: Daemon
let addresses: Awaited<ReturnType<typeof takeAddresses>>
/** Those of the pods that run; and those that take their places. */
let current: string[]
let spare: string[]
let ports: Record<EntryPoint, number>
const { certificate, key, authority } = certificateFor([INGRESS_HOST, GATEWAY_HOST])

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'hooklet-traefik-'))
  ;[cluster, addresses] = await Promise.all([startCluster(), takeAddresses(4)])
  current = addresses.addresses.slice(0, 2)
  spare = addresses.addresses.slice(2)
  const chosen: Partial<Record<EntryPoint, number>> = {}
  for (const name of ENTRY_POINTS) chosen[name] = await freePort()
  ports = chosen as Record<EntryPoint, number>

  const objects = await renderChart()
  pods = await startPods({ addresses: current, port: await freePort(), env: environmentOf(objects) })
  await cluster.apply(await readGatewayDefinitions())
  await cluster.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'hooks-tls', namespace: NAMESPACE },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': certificate, 'tls.key': key },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'traefik' },
      spec: { controller: 'traefik.io/ingress-controller' },
    },
    ...gateway(),
    ...objects.filter(({ kind }) => ['Service', 'Ingress', 'HTTPRoute'].includes(kind)).map(placed),
  ])
  await publish(current.map((address) => ({ address })))
  traefik = startTraefik(cluster.kubeconfig, await settings())
})
afterAll(async () => {
  await traefik?.stop()
  await pods?.close()
  await cluster?.close()
  await addresses?.close()
  await rm(folder, { recursive: true, force: true })
})

/** With the values of the page, where only the network of the proxies is another one. */
async function renderChart(): Promise<Rendered[]> {
  const [values = ''] = await readBlocks('docs/proxies.md', '## Trusted proxies', 'yaml')
  const file = path.join(folder, 'values.yaml')
  await writeFile(file, values)
  expect(parse(values)).toMatchObject({ ingress: { trustedProxies: ['10.0.0.0/8'] } })
  return render(
    file,
    `ingress.trustedProxies=["${POD_NETWORK}", "127.0.0.3"]`,
    'ingress.httpRoute.enabled=true',
    `ingress.httpRoute.hostnames=["${GATEWAY_HOST}"]`,
    'ingress.httpRoute.parentRefs=[{"name": "public", "namespace": "default"}]',
  )
}

/** In the release's namespace; an Ingress is for both entry points. */
function placed(object: Rendered): object {
  const { annotations = {}, ...metadata } = object.metadata
  const open = Object.entries(annotations).map(([name, value]) => [
    name,
    name.endsWith('/router.entrypoints') ? `${value},balanced` : value,
  ])
  return {
    ...object,
    metadata: { ...metadata, namespace: NAMESPACE, annotations: Object.fromEntries(open) as object },
  }
}

interface Deployment {
  spec: { template: { spec: { containers: { env: { name: string; value?: string }[] }[] } } }
}

/** What the chart tells the ingress of proxies and of its name. */
function environmentOf(objects: Rendered[]): NodeJS.ProcessEnv {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'hooklet-ingress',
  )
  const [container] = (found as unknown as Deployment).spec.template.spec.containers
  const names = ['HOOKLET_TRUSTED_PROXIES', 'HOOKLET_FORWARDED_HEADER', 'HOOKLET_PUBLIC_URL']
  return Object.fromEntries(
    names.map((wanted) => [wanted, container?.env.find(({ name }) => name === wanted)?.value]),
  )
}

/** The settings of the page for an entry point of the name, and for others like it. */
async function settings(): Promise<string[]> {
  const [values = ''] = await readBlocks('docs/proxies.md', '### Traefik', 'yaml')
  const { additionalArguments: written } = parse(values) as { additionalArguments: string[] }
  const own = written.filter((line) => line.startsWith('--entryPoints.websecure.'))
  expect(own.length).toBeGreaterThan(0)
  const like = (name: EntryPoint): string[] => [
    ...own.map((line) => line.replace('websecure', name)),
    `--entryPoints.${name}.http.tls=true`,
  ]
  return [
    ...ENTRY_POINTS.map((name) => `--entryPoints.${name}.address=127.0.0.1:${ports[name]}`),
    ...like('websecure'),
    ...written.filter((line) => !own.includes(line)),
    ...like('balanced'),
    '--entryPoints.balanced.forwardedHeaders.trustedIPs=127.0.0.3',
    '--providers.providersThrottleDuration=100ms',
    '--providers.kubernetesIngress=true',
    '--providers.kubernetesGateway=true',
  ]
}

/** A Gateway with a listener for each of Traefik's, which it finds by its port. */
function gateway(): object[] {
  const apiVersion = 'gateway.networking.k8s.io/v1'
  const tls = { certificateRefs: [{ name: 'hooks-tls' }] }
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hooks-tls', namespace: 'default' },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': certificate, 'tls.key': key },
  }
  const listeners = (['websecure', 'balanced'] as const).map((name) => ({
    name,
    port: ports[name],
    protocol: 'HTTPS',
    tls,
    allowedRoutes: { namespaces: { from: 'All' } },
  }))
  return [
    secret,
    {
      apiVersion,
      kind: 'GatewayClass',
      metadata: { name: 'traefik' },
      spec: { controllerName: 'traefik.io/gateway-controller' },
    },
    {
      apiVersion,
      kind: 'Gateway',
      metadata: { name: 'public', namespace: 'default' },
      spec: { gatewayClassName: 'traefik', listeners },
    },
  ]
}

/** As the cluster does for a Service: pods that end are there for as long as they take calls. */
async function publish(endpoints: { address: string; ends?: boolean }[]): Promise<void> {
  await cluster.apply([
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'hooklet-ingress-1',
        namespace: NAMESPACE,
        labels: { 'kubernetes.io/service-name': 'hooklet-ingress' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: pods.port, protocol: 'TCP' }],
      endpoints: endpoints.map(({ address, ends = false }) => ({
        addresses: [address],
        conditions: { ready: !ends, serving: true, terminating: ends },
      })),
    },
  ])
}

/** One more, then one less, until none is left of those from before. */
async function replacePods(): Promise<void> {
  for (const old of current) {
    const next = spare.shift() ?? ''
    await pods.start(next)
    const others = current.filter((address) => address !== old)
    current = [...others, next]
    const serving = current.map((address) => ({ address }))
    await publish([...serving, { address: old, ends: true }])
    await pods.called(next)
    const ended = pods.running.get(old)
    pods.running.delete(old)
    const over = ended?.stop()
    // Its probe fails now.
    await publish(serving)
    expect(await over).toBe(0)
    spare.push(old)
  }
}

describe.each([
  ['Ingress', INGRESS_HOST],
  ['HTTPRoute', GATEWAY_HOST],
])('%s', (_, host) => {
  const door = (name: EntryPoint): Edge['door'] => ({ port: ports[name], host, authority })
  expectEdge({ asks: true, besides: 'balanced', decodes: true }, () => ({
    pods,
    door: door('websecure'),
    balanced: door('balanced'),
    replacePods,
    log: () => traefik.log(),
  }))

  test('another host, and a call without TLS, are not for Hooklet', async () => {
    const caller = createCaller(door('websecure'))
    const { status, text } = await caller.call(pods.pathOf('echo'), {
      headers: { host: 'other.example.com' },
    })
    expect({ status, text }).toEqual({ status: 404, text: '404 page not found\n' })
    caller.close()
    const plain = await fetch(`http://127.0.0.1:${ports.web}${pods.pathOf('echo')}`, { headers: { host } })
    expect(plain.status).toBe(404)
  })
})

test('the Gateway takes the route, and says so', async () => {
  interface Route {
    status?: { parents?: { conditions: { type: string; status: string }[] }[] }
  }
  const target = `/apis/gateway.networking.k8s.io/v1/namespaces/${NAMESPACE}/httproutes/hooklet-ingress`
  let conditions: string[] = []
  await until(
    async () => {
      const { body } = await cluster.request<Route>('GET', target)
      const found = body.status?.parents?.flatMap((parent) => parent.conditions) ?? []
      conditions = [...new Set(found.map(({ type, status }) => `${type} ${status}`))].toSorted()
      return conditions.length > 0 && conditions.every((line) => line.endsWith('True'))
    },
    { why: () => conditions.join() },
  )
  expect(conditions).toEqual(['Accepted True', 'ResolvedRefs True'])
})
