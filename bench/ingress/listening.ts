import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * Listens on a free port of the loopback interface and tells it on standard output: the bench waits for that
 * line.
 */
export async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`)
}
