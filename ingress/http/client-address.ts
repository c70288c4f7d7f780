import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4 } from 'node:net'

/** Whose word counts for who called. */
export interface ProxyTrust {
  /** Addresses and CIDR networks of the proxies before this server. */
  networks: readonly string[]
  /**
   * In which header they name the caller. Only the one that they write may count: the other goes through them
   * as the caller sent it.
   */
  header: ForwardedHeader
}

export type ForwardedHeader = 'X-Forwarded-For' | 'Forwarded'

/**
 * Tells the caller's address, an IPv4 one without the IPv6 prefix that a dual-stack socket puts before it.
 */
export type ClientAddress = (req: IncomingMessage) => string

/** How many peers' verdicts are remembered. */
const REMEMBERED_PEERS = 1_000

/**
 * The caller is the TCP peer; behind trusted proxies, the last address of the header that is no trusted
 * proxy's: what stands before it was written by the caller, and may be anything.
 */
export function createClientAddress({ networks, header }: ProxyTrust): ClientAddress {
  if (networks.length === 0) return (req) => plain(req.socket.remoteAddress ?? '')
  const trusted = blockListOf(networks)
  const peers = new Map<string, boolean>()
  const hops = header === 'Forwarded' ? forwardedFor : listed
  const name = header.toLowerCase()

  function isTrusted(address: string): boolean {
    return trusted.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
  }

  function isTrustedPeer(address: string): boolean {
    let verdict = peers.get(address)
    if (verdict === undefined) {
      if (peers.size >= REMEMBERED_PEERS) peers.clear()
      peers.set(address, (verdict = isTrusted(address)))
    }
    return verdict
  }

  return (req) => {
    let client = plain(req.socket.remoteAddress ?? '')
    const given = req.headers[name]
    if (typeof given !== 'string' || !isTrustedPeer(client)) return client
    for (const hop of hops(given).toReversed()) {
      const address = addressOf(hop)
      // A proxy that does not tell an address leaves its own as the last that is known.
      if (address === undefined) return client
      client = address
      if (!isTrusted(address)) return client
    }
    return client
  }
}

/** @throws {TypeError} on what is neither an address nor a network. */
function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return list
}

const MAPPED = '::ffff:'

function plain(address: string): string {
  return address.startsWith(MAPPED) && isIPv4(address.slice(MAPPED.length))
    ? address.slice(MAPPED.length)
    : address
}

const listed = (header: string): string[] => header.split(',').map((hop) => hop.trim())

/**
 * The `for` of each element of `Forwarded` (RFC 7239, 4); empty where there is none. A quoted comma or
 * semicolon is no part of an address.
 */
function forwardedFor(header: string): string[] {
  return header.split(',').map((element) => {
    const value = /(?:^|;)\s*for=("[^"]*"|[^;\s]*)/i.exec(element.trim())?.[1] ?? ''
    return value.startsWith('"') ? value.slice(1, -1) : value
  })
}

/**
 * The address of `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`; undefined: it is none,
 * for example `unknown`.
 */
function addressOf(hop: string): string | undefined {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1]
  const address = bracketed ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
  const [withoutZone = ''] = address.split('%')
  return isIP(withoutZone) === 0 ? undefined : plain(withoutZone.toLowerCase())
}
