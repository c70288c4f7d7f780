import { lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

/** What the registries of IANA for special-purpose addresses keep out of the public Internet. */
const SPECIAL: readonly [network: string, prefix: number, family: 'ipv4' | 'ipv6'][] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 127, 'ipv6'],
  ['64:ff9b:1::', 48, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]

/** Asks only for what everybody can reach, so that nobody can have the inside of a cluster asked for. */
export interface PublicAddresses {
  /** Whether a host of a URL may be connected to as far as can be told without looking it up: true for every name. */
  allows(hostname: string): boolean
  /** Looks a name up, and gives those of its addresses that are public; fails with `ENOTPUBLIC` when none is. */
  lookup: LookupFunction
}

export function createPublicAddresses(): PublicAddresses {
  const special = new BlockList()
  for (const [network, prefix, family] of SPECIAL) special.addSubnet(network, prefix, family)
  // Of an IPv4 address that is written as IPv6, the rules of IPv4 count.
  const isPublic = (address: string): boolean =>
    !special.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')

  return {
    allows(hostname) {
      const address = hostname.replace(/^\[(.*)\]$/, '$1')
      return isIP(address) === 0 || isPublic(address)
    },

    lookup(hostname, options, callback) {
      lookup(hostname, { ...options, all: true }, (error, addresses) => {
        if (error) return callback(error, [])
        const usable = addresses.filter(({ address }) => isPublic(address))
        const [first] = usable
        if (first === undefined) return callback(notPublic(), [])
        if (options.all === true) return callback(null, usable)
        callback(null, first.address, first.family)
      })
    },
  }
}

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('the name has no public address'), { code: 'ENOTPUBLIC' })
}
