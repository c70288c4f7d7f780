/**
 * What NetworkPolicies allow together: a connection passes when no policy selects the pod in its direction,
 * or any rule of any that does.
 */
import { BlockList, isIPv6 } from 'node:net'
import type { Rendered } from './render.ts'

interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values: string[] }[]
}

interface Peer {
  ipBlock?: { cidr: string; except?: string[] }
  podSelector?: LabelSelector
  namespaceSelector?: LabelSelector
}

interface PolicySpec {
  podSelector: LabelSelector
  policyTypes: string[]
  ingress?: Rule[]
  egress?: Rule[]
}

export interface Rule {
  ports?: { port: number; protocol?: string }[]
  from?: Peer[]
  to?: Peer[]
}

/**
 * One end of a connection: an address outside of the cluster, or a pod. A pod is found by selectors only:
 * what a block means for pods is the plugin's.
 */
export type End = { address: string } | { pod: Record<string, string>; namespace: Record<string, string> }

export interface Connection {
  /** The pod whose policies are asked; it is in the namespace of the policies. */
  pod: Record<string, string>
  direction: 'ingress' | 'egress'
  other: End
  /** Of TCP. */
  port: number
}

export function isAllowed(
  policies: Rendered[],
  namespace: Record<string, string>,
  asked: Connection,
): boolean {
  const specs = policies.map(({ spec }) => spec as unknown as PolicySpec)
  const type = asked.direction === 'ingress' ? 'Ingress' : 'Egress'
  const selecting = specs.filter(
    ({ podSelector, policyTypes }) => policyTypes.includes(type) && selects(podSelector, asked.pod),
  )
  if (selecting.length === 0) return true
  const rules = selecting.flatMap((spec) => spec[asked.direction] ?? [])
  return rules.some(
    ({ ports, from, to }) =>
      (ports === undefined ||
        ports.some(({ port, protocol = 'TCP' }) => protocol === 'TCP' && port === asked.port)) &&
      meets(asked.direction === 'ingress' ? from : to, asked.other, namespace),
  )
}

/** No list, and an empty one, mean anybody. */
function meets(peers: Peer[] | undefined, end: End, own: Record<string, string>): boolean {
  if (peers === undefined || peers.length === 0) return true
  return peers.some(({ ipBlock, podSelector, namespaceSelector }) => {
    if (ipBlock)
      return 'address' in end && holds(ipBlock.cidr, end) && !ipBlock.except?.some((cidr) => holds(cidr, end))
    if ('address' in end) return false
    const near = namespaceSelector
      ? selects(namespaceSelector, end.namespace)
      : JSON.stringify(end.namespace) === JSON.stringify(own)
    return near && selects(podSelector ?? {}, end.pod)
  })
}

function selects(selector: LabelSelector, labels: Record<string, string>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      if (operator !== 'In') throw new Error(`${operator} is not known here`)
      return values.includes(labels[key] ?? '')
    })
  )
}

function holds(cidr: string, { address }: { address: string }): boolean {
  const [network = '', prefix] = cidr.split('/')
  const family = isIPv6(network) ? 'ipv6' : 'ipv4'
  if (isIPv6(address) !== (family === 'ipv6')) return false
  const list = new BlockList()
  list.addSubnet(network, Number(prefix), family)
  return list.check(address, family)
}
