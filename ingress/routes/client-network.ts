import { isIPv6 } from 'node:net'

/**
 * What one caller can be taken for when callers are counted: an IPv4 address, or the first 64 bits of an IPv6
 * address, for whoever has one address of such a network has all of them (RFC 4291, 2.5.4).
 */
export function networkOf(address: string): string {
  const [withoutZone = ''] = address.split('%')
  if (!isIPv6(withoutZone)) return address
  const [head = '', tail] = withoutZone.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - sixteens(before) - sixteens(after) }, () => '0')
  const groups = tail === undefined ? before : [...before, ...zeros, ...after]
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

/**
 * How many groups of 16 bits are written there; a dotted IPv4 end, which is never among the first four,
 * stands for two.
 */
function sixteens(groups: string[]): number {
  return groups.length + (groups.at(-1)?.includes('.') ? 1 : 0)
}
