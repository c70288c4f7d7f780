import { BlockList, isIP } from 'node:net'

type Network = readonly [network: string, prefix: number]

/**
 * What the registry of IANA for special-purpose addresses keeps out of the public Internet, and multicast.
 */
const SPECIAL_IPV4: readonly Network[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** All that is given out for the public Internet (RFC 4291, 2.4): nothing outside of it is public. */
const GLOBAL_UNICAST: Network = ['2000::', 3]

/**
 * Inside of it: protocol assignments with Teredo and ORCHID, documentation, and 6to4, which leads to any IPv4
 * address.
 */
const SPECIAL_IPV6: readonly Network[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

/**
 * Whether an address is of the public Internet. Asked so that nobody can have the inside of a cluster asked
 * for.
 */
export type IsPublic = (address: string) => boolean

export function createIsPublic(): IsPublic {
  const ipv4 = listOf(SPECIAL_IPV4, 'ipv4')
  const ipv6 = listOf(SPECIAL_IPV6, 'ipv6')
  const global = listOf([GLOBAL_UNICAST], 'ipv6')
  const isPublicIPv4 = (address: string): boolean => !ipv4.check(address, 'ipv4')

  return (address) => {
    if (isIP(address) === 4) return isPublicIPv4(address)
    if (isIP(address) !== 6) return false
    const embedded = embeddedIPv4(address)
    if (embedded !== undefined) return isPublicIPv4(embedded)
    return global.check(address, 'ipv6') && !ipv6.check(address, 'ipv6')
  }
}

function listOf(networks: readonly Network[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList()
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family)
  return list
}

/**
 * The IPv4 address that is meant by an IPv6 address of its own kind: mapped (::ffff:0:0/96), or translated,
 * which is how names with IPv4 addresses alone are reached from networks with IPv6 alone (NAT64, 64:ff9b::/96
 * of RFC 6052).
 */
function embeddedIPv4(address: string): string | undefined {
  // The parser of URLs writes an address in one way, whichever it came in.
  const host = URL.parse(`http://[${address}]/`)?.hostname ?? ''
  const [, high, low] = /^\[(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = [parseInt(high, 16), parseInt(low, 16)]
  return bits.flatMap((word) => [word >> 8, word & 0xff]).join('.')
}
