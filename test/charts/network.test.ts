/**
 * Who reaches what when the chart's NetworkPolicies are enforced: the union of all rules, for each pod,
 * address and port.
 */
import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { isAllowed } from './policies.ts'
import type { End, Rule } from './policies.ts'
import { NAMESPACE, render, template, VALUE_SETS } from './render.ts'
import type { Rendered } from './render.ts'

jest.setTimeout(60_000)

const own = { 'kubernetes.io/metadata.name': NAMESPACE }

/** Our pods, with the labels that they are given, and what is allowed them. */
class Network {
  readonly pods: Map<string, Record<string, string>>
  readonly policies: Rendered[]

  constructor(objects: Rendered[]) {
    this.policies = objects.filter(({ kind }) => kind === 'NetworkPolicy')
    const workloads = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind))
    this.pods = new Map(
      (workloads as (Rendered & Workload)[]).map(({ metadata, spec }) => [
        metadata.name.replace('hooklet-', ''),
        spec.template.metadata.labels,
      ]),
    )
  }

  /** Those of our pods that reach it. */
  reachedBy(other: End, port: number): string[] {
    return this.#allowed('egress', other, port)
  }

  /** Those of our pods that it reaches, on the port. */
  reaching(other: End, port: number): string[] {
    return this.#allowed('ingress', other, port)
  }

  end(name: string): End {
    return { pod: this.pods.get(name) ?? {}, namespace: own }
  }

  #allowed(direction: 'ingress' | 'egress', other: End, port: number): string[] {
    return [...this.pods]
      .filter(([, pod]) => isAllowed(this.policies, own, { pod, direction, other, port }))
      .map(([name]) => name)
      .toSorted()
  }
}

interface Workload {
  spec: { template: { metadata: { labels: Record<string, string> } } }
}

const network = async (...values: string[]): Promise<Network> => new Network(await render(...values))

const somewhere = { pod: { app: 'anything' }, namespace: { 'kubernetes.io/metadata.name': 'shop' } }
const all = ['ingress', 'operator', 'runner']
/** Where clouds give out credentials, over HTTP. */
const metadataServices = [
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '168.63.129.16',
  '100.100.100.200',
  'fd00:ec2::254',
  'fd00:ec2::23',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  'fe80::a9fe:a9fe',
]

type Row = [what: string, address: string, port: number, who: string[]]

const outwards: Record<string, Row[]> = {
  gateway: [
    ['public HTTPS', '203.0.113.9', 443, ['ingress', 'runner']],
    ['public HTTPS', '2001:db8::9', 443, ['ingress', 'runner']],
    ['API server', '10.20.0.10', 443, all],
    ['API server', '10.20.0.11', 6443, all],
    ['beside the API server', '10.20.0.12', 6443, []],
    ['Redis', '10.30.7.4', 6380, ['ingress', 'runner']],
    ['Redis by another port', '10.30.7.4', 6379, []],
    ['denied network', '10.9.9.9', 443, []],
    ['denied network', '10.9.9.9', 6443, []],
    ['denied network', '10.9.9.9', 6380, []],
    ['denied network', '10.9.9.9', 80, []],
    ['denied network', '192.168.1.1', 443, []],
    ['denied network', 'fd12::9', 443, []],
    ...metadataServices.map((address): Row => ['metadata service', address, 443, []]),
  ],
  observed: [
    // The API server is not named: all look for it anywhere on its ports, and nothing but metadata services
    // is denied to runners.
    ['API server', '10.20.0.10', 6443, all],
    ['public HTTPS', '203.0.113.9', 443, all],
    ['private network', '10.9.9.9', 80, ['runner']],
    ['any Redis', '203.0.113.9', 6379, ['runner']],
  ],
  switching: [
    ['any Redis', '203.0.113.9', 26379, ['ingress', 'runner', 'runner-drain']],
    ['private network', '10.9.9.9', 8080, ['runner', 'runner-drain']],
  ],
  openshift: [['private network', '10.9.9.9', 8443, ['runner']]],
}

describe.each(Object.keys(outwards))('values %s', (name) => {
  let found: Network
  beforeAll(async () => {
    found = await network(VALUE_SETS[name] ?? '')
  })
  /** A runner more executes what the embedded Redis holds. */
  const processes = name === 'switching' ? [...all, 'runner-drain'] : all

  test.each(metadataServices)('the metadata service %s is reached by nobody', (address) => {
    expect(found.reachedBy({ address }, 80)).toEqual([])
  })

  test.each(outwards[name] ?? [])('%s, %s port %i: reached by %j', (_, address, port, who) => {
    expect(found.reachedBy({ address }, port)).toEqual(who)
  })

  test('public HTTP is reached by runners', () => {
    const runners = processes.filter((pod) => pod.startsWith('runner'))
    expect(found.reachedBy({ address: '203.0.113.9' }, 80)).toEqual(runners)
  })

  test('all processes resolve names, and Redis asks nobody', () => {
    const namespace = {
      'kubernetes.io/metadata.name': name === 'openshift' ? 'openshift-dns' : 'kube-system',
    }
    const dns = { pod: { app: 'dns' }, namespace }
    expect(found.reachedBy(dns, 53)).toEqual(processes)
    expect(found.reachedBy(dns, 5353)).toEqual(name === 'openshift' ? all : [])
    expect(found.reachedBy(somewhere, 53)).toEqual(name === 'openshift' ? [] : processes)
  })

  test.each([8080, 8081])('callers reach the ingress pods only, on port %i', (port) => {
    expect(found.reaching(somewhere, port)).toEqual(name === 'gateway' ? [] : ['ingress'])
  })
})

test('callers and scrapers are who they are said to be', async () => {
  const gateway = { pod: {}, namespace: { 'kubernetes.io/metadata.name': 'gateways' } }
  expect((await network(VALUE_SETS['gateway'] ?? '')).reaching(gateway, 8080)).toEqual(['ingress'])
  const observed = await network(VALUE_SETS['observed'] ?? '')
  expect(observed.reaching(somewhere, 9090)).toEqual([])
  const prometheus = { pod: {}, namespace: { 'kubernetes.io/metadata.name': 'monitoring' } }
  expect(observed.reaching(prometheus, 9090)).toEqual(all)
})

test('the embedded Redis is reached by those that share the state, and by KEDA where it scales', async () => {
  const keda = {
    pod: { 'app.kubernetes.io/name': 'keda-operator' },
    namespace: { 'kubernetes.io/metadata.name': 'keda' },
  }
  for (const [name, sharing, scaled] of [
    ['observed', ['ingress', 'runner'], ['redis']],
    ['switching', ['ingress', 'runner', 'runner-drain'], []],
  ] as const) {
    const found = await network(VALUE_SETS[name] ?? '')
    const from = [...found.pods.keys()].filter((pod) =>
      found.reaching(found.end(pod), 6379).includes('redis'),
    )
    expect(from.toSorted()).toEqual(sharing)
    expect(found.reachedBy(found.end('redis'), 6379)).toEqual(sharing)
    expect(found.reaching(somewhere, 6379)).toEqual([])
    expect(found.reaching(keda, 6379)).toEqual(scaled)
  }
})

test('egress of ingress pods can be widened', async () => {
  const keycloak = { pod: {}, namespace: { 'kubernetes.io/metadata.name': 'keycloak' } }
  expect((await network(VALUE_SETS['openshift'] ?? '')).reachedBy(keycloak, 8443)).toEqual(['ingress'])
})

test('the Job before an uninstallation reaches the API server, and nothing else', async () => {
  const found = await network('networkPolicy.enabled=true', 'crds.keep=false')
  expect(found.reachedBy({ address: '10.20.0.10' }, 6443)).toContain('uninstall')
  expect(found.reachedBy({ address: '203.0.113.9' }, 80)).toEqual(['runner'])
})

test('a single rule without addresses would be noticed', async () => {
  const found = await network(VALUE_SETS['gateway'] ?? '')
  const there = { address: '10.9.9.9' }
  expect(found.reachedBy(there, 6443)).toEqual([])
  for (const { spec } of found.policies)
    for (const rule of (spec?.['egress'] ?? []) as Rule[])
      if (rule.ports?.some(({ port }) => port === 6443)) delete rule.to
  expect(found.reachedBy(there, 6443)).toEqual(all)
})

test.each([
  [['networkPolicy.runnerDenied=["10.0.0.0/8"]'], 'need networkPolicy.apiServer'],
  [['networkPolicy.runnerEgress=[{}]'], 'need networkPolicy.apiServer'],
  [
    ['networkPolicy.runnerDenied=["10.0.0.0/8"]', 'networkPolicy.apiServer=[{}]', 'redis.url=redis://a'],
    'need networkPolicy.redis',
  ],
])('%j is refused: other rules would undo it', async (values, message) => {
  const { code, stderr } = await template('networkPolicy.enabled=true', ...values)
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) })
})
