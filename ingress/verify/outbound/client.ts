import { get as getHttp } from 'node:http'
import { Agent, get as getHttps } from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Clock } from '../../../state/clock.ts'
import type { OriginMap } from './origins.ts'
import { createPublicAddresses } from './public-address.ts'
import { isGuarded } from './url.ts'

export interface GuardedClientDeps {
  clock: Pick<Clock, 'setTimer'>
  origins?: OriginMap
  /** Holds the roots that servers are checked against; Node's own when left out. */
  agent?: Agent
  /** For a whole answer, from the name look-up to its last byte. */
  timeoutMs?: number
  maxBytes?: number
  /** Requests at the same time; one more is refused, so that callers can't have their floods passed on. */
  maxConcurrent?: number
  /** The same of one origin, so that a slow one holds up no others. */
  maxPerOrigin?: number
}

/** Why nothing was read. `definite`: the server said no, or said too much; asking again soon gives the same. */
export class OutboundError extends Error {
  override name = 'OutboundError'
  readonly definite: boolean

  constructor(message: string, { definite }: { definite: boolean }) {
    super(message)
    this.definite = definite
  }
}

/** Rejects with {@link OutboundError} only. */
export type GuardedGet = (url: URL) => Promise<Buffer>

/**
 * A GET that can do little harm: https only, public addresses only, no redirects followed, no credentials sent, bounded in time and size. Which
 * hosts and paths may be asked for is checked by who calls. A mapped origin may have any address: the configuration of the process says so.
 */
export function createGuardedGet({
  clock,
  origins = new Map(),
  agent = new Agent({ keepAlive: false }),
  timeoutMs = 3_000,
  maxBytes = 64 * 1024,
  maxConcurrent = 128,
  maxPerOrigin = 16,
}: GuardedClientDeps): GuardedGet {
  const addresses = createPublicAddresses()
  let running = 0
  const runningOf = new Map<string, number>()

  function count(origin: string, change: 1 | -1): void {
    running += change
    const left = (runningOf.get(origin) ?? 0) + change
    if (left > 0) runningOf.set(origin, left)
    else runningOf.delete(origin)
  }

  function start(url: URL): ClientRequest {
    const mapped = origins.get(url.origin)
    if (mapped === undefined && !addresses.allows(url.hostname))
      throw new OutboundError('its address is not public', { definite: true })
    const target = mapped === undefined ? url : new URL(url.pathname + url.search, mapped)
    const headers = { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'hooklet' }
    // What the server must prove holds whatever the environment says (NODE_TLS_REJECT_UNAUTHORIZED).
    return target.protocol === 'http:'
      ? getHttp(target, { headers, agent: false })
      : getHttps(target, {
          headers,
          agent,
          rejectUnauthorized: true,
          ...(mapped === undefined ? { lookup: addresses.lookup } : {}),
        })
  }

  return async (url) => {
    if (!isGuarded(url)) throw new OutboundError('the URL may not be fetched', { definite: true })
    if (running >= maxConcurrent || (runningOf.get(url.origin) ?? 0) >= maxPerOrigin)
      throw new OutboundError('too many requests at a time', { definite: false })
    count(url.origin, 1)
    try {
      const request = start(url)
      const cancel = clock.setTimer(
        () => request.destroy(new OutboundError(`no answer within ${timeoutMs} ms`, { definite: false })),
        timeoutMs,
      )
      try {
        return await read(request, maxBytes)
      } finally {
        cancel()
        request.destroy()
      }
    } catch (error) {
      if (error instanceof OutboundError) throw error
      throw new OutboundError(`no answer: ${codeOf(error)}`, { definite: false })
    } finally {
      count(url.origin, -1)
    }
  }
}

function read(request: ClientRequest, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      // A server that closes before the promised end.
      response.on('error', reject)
      const refusal = refusalOf(response, maxBytes)
      if (refusal !== undefined) {
        reject(refusal)
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > maxBytes) reject(tooLarge(maxBytes))
        else chunks.push(chunk)
      })
      response.on('end', () => resolve(Buffer.concat(chunks)))
    })
  })
}

function refusalOf(response: IncomingMessage, maxBytes: number): OutboundError | undefined {
  const { statusCode = 0, headers } = response
  if (statusCode !== 200) {
    const later = statusCode >= 500 || [408, 425, 429].includes(statusCode)
    return new OutboundError(`the server answered ${statusCode}`, { definite: !later })
  }
  return Number(headers['content-length'] ?? 0) > maxBytes ? tooLarge(maxBytes) : undefined
}

const tooLarge = (maxBytes: number): OutboundError =>
  new OutboundError(`the answer is longer than ${maxBytes} bytes`, { definite: true })

/** A system error's code, and nothing that could hold more than it should. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'failed'
}
