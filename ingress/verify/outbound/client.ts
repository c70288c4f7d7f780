import { get as getHttp } from 'node:http'
import { Agent, get as getHttps } from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import type { Clock } from '../../../state/clock.ts'
import type { OriginMap } from './origins.ts'
import { createPublicLookup } from './lookup.ts'
import { createIsPublic } from './public-address.ts'
import type { Asker, SlotLimits } from './slots.ts'
import { createSlots } from './slots.ts'
import { isGuarded } from './url.ts'

export interface GuardedClientDeps {
  clock: Pick<Clock, 'setTimer'>
  origins?: OriginMap
  /** Holds the roots that servers are checked against; Node's own when left out. */
  agent?: Agent
  /** For a whole answer, from the name look-up to its last byte. */
  timeoutMs?: number
  maxBytes?: number
  /** Over the defaults. */
  slots?: Partial<SlotLimits>
  /** `address:port` of those to ask for addresses; those of the system when left out. */
  nameServers?: readonly string[]
}

/** Why nothing was read. */
export class OutboundError extends Error {
  override name = 'OutboundError'
  /** The server said no, or said too much; asking again soon gives the same. */
  readonly definite: boolean
  /** It was not asked: there is no room, for this one who asked. */
  readonly crowded: boolean

  constructor(message: string, { definite, crowded = false }: { definite: boolean; crowded?: boolean }) {
    super(message)
    this.definite = definite
    this.crowded = crowded
  }
}

/** Rejects with {@link OutboundError} only. */
export type GuardedGet = (url: URL, asker: Asker) => Promise<Buffer>

const SLOTS: SlotLimits = { maxConcurrent: 128, maxPerOrigin: 32, maxPerTenant: 16, maxPerTenantOfOrigin: 4 }

/**
 * A GET that can do little harm: https only, public addresses only, no redirects followed, no credentials
 * sent, bounded in time and size. Which hosts and paths may be asked for is checked by who calls. A mapped
 * origin may have any address: the configuration of the process says so.
 */
export function createGuardedGet({
  clock,
  origins = new Map(),
  agent = new Agent({ keepAlive: false }),
  timeoutMs = 3_000,
  maxBytes = 64 * 1024,
  slots,
  nameServers,
}: GuardedClientDeps): GuardedGet {
  const isPublic = createIsPublic()
  const lookup = createPublicLookup({ clock, isPublic, timeoutMs, ...(nameServers ? { nameServers } : {}) })
  const room = createSlots({ ...SLOTS, ...slots })

  function start(url: URL): ClientRequest {
    const mapped = origins.get(url.origin)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    // Of a name it is told when its addresses are known.
    if (mapped === undefined && isIP(host) !== 0 && !isPublic(host))
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
          ...(mapped === undefined ? { lookup } : {}),
        })
  }

  return async (url, asker) => {
    if (!isGuarded(url)) throw new OutboundError('the URL may not be fetched', { definite: true })
    const release = room.take(url.origin, asker)
    if (release === undefined)
      throw new OutboundError('too many requests at a time', { definite: false, crowded: true })
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
      release()
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
