import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Deadlines } from '../../state/deadlines.ts'
import type { AnswerCode } from '../answers.ts'
import { hasBody } from './body.ts'
import type { HttpLimits } from './limits.ts'
import type { Prepared } from '../routes/prepared.ts'

/** One request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** `X-Request-Id` of the answer. */
  readonly requestId: string
  readonly caller: Caller
  /** Once the call is accepted: `X-Hooklet-Event-Id` of the answer. */
  eventId: string | undefined
  answered: boolean
  /** Its answer is a run's to give. */
  waiting: boolean
  /** Its answer is the connection's last: where the next request begins is in doubt. */
  last: boolean
  /** Of every answer that the webhook gives to this call: names and values in turn. */
  headers: readonly string[]
  /** These tell a browser what a page may do. */
  cors: boolean
  /** Of a WebSocket's opening handshake: the connection and what came behind the request. */
  readonly upgrade: Upgrade | undefined
  /** When it was begun, by the clock of the process; of calls that are counted, see `Activity`. */
  begun: number | undefined
  /** To be told when the caller leaves. */
  waiter: Waiter | undefined
}

export interface Waiter {
  leave(): void
}

/** One connection, and who is at its other end. */
export interface Caller {
  /** How many of its calls wait for the answer of a run: when the caller closes its side, it gives them up. */
  waiting: number
}

export interface Upgrade {
  stream: Duplex
  head: Buffer
  /** Detaches the answer from the connection, which is another protocol's from now on. */
  release(): void
}

const TOO_LARGE = 413
const NONE: readonly string[] = []
const SANE_ID = /^[\w.:=+/@-]{1,128}$/

interface Opening {
  req: IncomingMessage
  res: ServerResponse
  caller: Caller
  upgrade?: Upgrade | undefined
}

/** The caller's request id is kept when it can safely stand in a log, else `newId` makes one. */
export function openExchange({ req, res, caller, upgrade }: Opening, newId: () => string): Exchange {
  const given = req.headers['x-request-id']
  const requestId = typeof given === 'string' && SANE_ID.test(given) ? given : newId()
  return {
    req,
    res,
    requestId,
    caller,
    eventId: undefined,
    answered: false,
    waiting: false,
    last: false,
    headers: NONE,
    cors: false,
    upgrade,
    begun: undefined,
    waiter: undefined,
  }
}

/**
 * Writes answers. Everything that goes out to a caller goes through it, except what precedes a parsed
 * request.
 */
export interface Sender {
  /**
   * Answers the exchange, unless it has been answered or the caller is gone. `extra`: more headers, names and
   * values in turn.
   */
  send(exchange: Exchange, answer: Prepared, extra?: readonly string[]): void
  /** From now on every answer is its connection's last. */
  closeConnections(): void
}

/** `onAnswer` is told of every answer of the table that goes out. */
export function createSender(
  deadlines: Deadlines,
  limits: HttpLimits,
  onAnswer: (code: AnswerCode) => void,
): Sender {
  let closing = false

  return {
    send(exchange, answer, extra = NONE) {
      const { req, res } = exchange
      if (exchange.answered) return
      exchange.answered = true
      if (res.destroyed) return
      if (answer.code !== undefined) onAnswer(answer.code)

      const { requestId, eventId } = exchange
      const own = ownHeaders(answer, exchange)
      const ids = eventId === undefined ? NONE : ['X-Hooklet-Event-Id', eventId]
      const headers = [...own, ...extra, ...exchange.headers, 'X-Request-Id', requestId, ...ids]
      const discard = hasBody(req) && !req.complete
      const last =
        closing ||
        exchange.last ||
        (discard && (answer.status === TOO_LARGE || !fits(req, limits.discardBytes)))
      if (last) headers.push('Connection', 'close')
      res.writeHead(answer.status, headers)
      if (discard && last) discardThenEnd(exchange, answer.body)
      else res.end(answer.body)
    },

    closeConnections() {
      closing = true
    },
  }

  /**
   * Sends the answer at once but ends the exchange, and so the connection, only after the caller had some
   * time to read it: a connection closed on bytes not read is reset, and the reset may overtake the answer
   * (RFC 9112, 9.6). Many callers, and some proxies, read no answer before their body is sent.
   */
  function discardThenEnd({ req, res }: Exchange, body: string | undefined): void {
    let left = limits.lingerBytes
    const onData = (chunk: Buffer) => {
      left -= chunk.length
      if (left < 0) end()
    }
    const end = () => {
      deadlines.cancel(deadline)
      req.off('data', onData).off('end', end).off('close', end)
      res.end()
    }
    const deadline = deadlines.add(limits.lingerMs, end)
    if (body === undefined || req.method === 'HEAD') res.flushHeaders()
    else res.write(body)
    req.on('data', onData).on('end', end).on('close', end)
    req.resume()
  }
}

/**
 * Where the webhook's `cors` speaks to the browser, a run's reply does not: a permission given twice is none.
 */
function ownHeaders({ headers }: Prepared, exchange: Exchange): readonly string[] {
  if (!exchange.cors) return headers
  return headers.filter((_, at) => !/^access-control-/i.test(headers[at - (at % 2)] ?? ''))
}

/**
 * Whether what is left of the body is known to be short enough to be read to its end, so that the connection
 * can go on.
 */
function fits(req: IncomingMessage, bytes: number): boolean {
  const length = req.headers['content-length']
  return length !== undefined && Number(length) <= bytes
}
