/** Addresses that pods of a test have to themselves: a Service's endpoints can not be loopback. */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { run } from './node/daemon.ts'

/** For measurements between machines (RFC 2544): no other network has them. */
export const POD_NETWORK = '198.18.0.0/15'

const randomAddress = (): string => `198.18.${randomInt(256)}.${randomInt(1, 255)}`

/** Why a test can't have addresses here; undefined when it can. */
export function addressFault(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'They need root on Linux.'
  const act = (verb: string, address: string): boolean =>
    spawnSync('ip', ['address', verb, `${address}/32`, 'dev', 'lo'], { stdio: 'ignore' }).status === 0
  const address = randomAddress()
  if (!act('add', address)) return 'They need iproute2, and an addition to the addresses of the machine.'
  act('delete', address)
  return undefined
}

/** Gives the machine so many more addresses, until they are closed. */
export async function takeAddresses(count: number): Promise<{ addresses: string[]; close(): Promise<void> }> {
  const addresses: string[] = []
  const close = async (): Promise<void> => {
    for (const address of addresses.splice(0))
      await run('ip', ['address', 'delete', `${address}/32`, 'dev', 'lo'])
  }
  try {
    while (addresses.length < count) {
      const address = randomAddress()
      await run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
      addresses.push(address)
    }
    return { addresses: [...addresses], close }
  } catch (error) {
    await close()
    throw error
  }
}
