import type { Socket } from 'node:net'

const mapped = '::ffff:'

/** The caller's address: of the TCP peer, an IPv4 one without the IPv6 prefix that a dual-stack socket puts before it. */
export function clientAddress(socket: Socket): string {
  const address = socket.remoteAddress ?? ''
  return address.startsWith(mapped) ? address.slice(mapped.length) : address
}
