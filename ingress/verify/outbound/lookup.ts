import { Resolver } from 'node:dns/promises'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import type { Clock } from '../../../state/clock.ts'
import type { IsPublic } from './public-address.ts'

export interface LookupDeps {
  clock: Pick<Clock, 'setTimer'>
  isPublic: IsPublic
  /** For a whole look-up. */
  timeoutMs: number
  /** `address:port` of those to ask; those of the system when left out. */
  nameServers?: readonly string[]
}

/** How long the addresses of the one family wait for those of the other (RFC 8305, 3). */
const OTHER_FAMILY_MS = 50
/** Until a name server is asked again. */
const TRY_MS = 1_000
const TRIES = 3

/**
 * Looks a name up, and gives those of its addresses that are public; fails with `ENOTPUBLIC` when none is. It
 * asks the name servers itself: the look-up of the system can't be called off, and each one that hangs holds
 * one of the few threads that all look-ups of the process share. So the name is taken as it is, and neither
 * the hosts file nor search domains count.
 */
export function createPublicLookup({ clock, isPublic, timeoutMs, nameServers }: LookupDeps): LookupFunction {
  async function addressesOf(hostname: string, family: number): Promise<LookupAddress[]> {
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES })
    if (nameServers !== undefined) resolver.setServers(nameServers)
    const callOff = (): void => resolver.cancel()
    const timers = [clock.setTimer(callOff, timeoutMs)]
    const found: LookupAddress[] = []
    const ask = async (own: 4 | 6): Promise<void> => {
      const addresses = await (own === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname))
      if (found.length === 0 && addresses.length > 0) timers.push(clock.setTimer(callOff, OTHER_FAMILY_MS))
      found.push(...addresses.map((address) => ({ address, family: own })))
    }
    const families = ([4, 6] as const).filter((own) => family === 0 || family === own)
    const asked = await Promise.allSettled(families.map(ask))
    for (const stop of timers) stop()
    const failure = asked.find((one) => one.status === 'rejected')
    if (found.length === 0 && failure !== undefined) throw failure.reason as Error
    return found
  }

  /** At least one. */
  async function publicAddressesOf(hostname: string, family: number): Promise<LookupAddress[]> {
    const usable = (await addressesOf(hostname, family)).filter(({ address }) => isPublic(address))
    if (usable.length === 0) throw notPublic()
    return usable
  }
  const find = callbackify(publicAddressesOf)

  return (hostname, { family, all }, callback) => {
    const wanted = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : (family ?? 0)
    find(hostname, wanted, (error, usable) => {
      const [first] = usable ?? []
      if (error !== null || first === undefined) callback(error ?? notPublic(), [])
      else if (all === true) callback(null, usable)
      else callback(null, first.address, first.family)
    })
  }
}

function notPublic(): NodeJS.ErrnoException {
  return Object.assign(new Error('the name has no public address'), { code: 'ENOTPUBLIC' })
}
