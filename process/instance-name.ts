import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/**
 * A name for this process, another one for each start: what a former process of the same pod held must lapse,
 * not come back.
 */
export function createInstanceName(): string {
  return `${hostname()}-${randomBytes(4).toString('hex')}`
}
