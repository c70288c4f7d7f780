import type { IncomingMessage, Server } from 'node:http'
import { createServer, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AnswerCode } from '../answers.ts'
import type { Log } from '../../process/log.ts'
import { hasBody } from './body.ts'
import type { Activity } from './activity.ts'
import type { CallHandler } from './call.ts'
import type { Caller, Exchange, Sender, Upgrade } from './exchange.ts'
import { openExchange } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import type { NewestRequest } from './malformed.ts'
import { closeAfter, refusalOfRequest, refuseUnparsed } from './malformed.ts'
import { preparedAnswers } from '../routes/prepared.ts'
import { isWebhookPath, originForm } from './target.ts'

/** A connection, and its requests without an answer. */
interface Line extends Caller {
  newest: NewestRequest | undefined
  open: number
}

/** What is not so with most requests. */
interface Special {
  upgrade?: Upgrade
  /** What is wrong with a request that is well-formed. */
  fault?: AnswerCode
}

const ORDINARY: Special = {}

/** The refusals that end the connection. */
const LAST: ReadonlySet<AnswerCode> = new Set([
  'Malformed',
  'UnsupportedTransfer',
  'UrlTooLong',
  'HeadersTooLarge',
])

export interface ServerDeps {
  /** Serves the paths of webhooks; there is nothing else here. */
  call: CallHandler
  sender: Sender
  activity: Activity
  limits: HttpLimits
  newId: () => string
  log: Log
}

/**
 * The HTTP server that faces callers: it serves webhooks and nothing else. Probes and metrics have ports of
 * their own (docs/decisions/0012-probes-on-a-port-of-their-own.md). Not listening yet.
 */
export function createHttpServer(deps: ServerDeps): Server {
  const { call, sender, activity, limits, newId, log } = deps
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.timeoutCheckMs,
    // Nothing of a header given twice is lost, and two Authorization headers pass no check.
    joinDuplicateHeaders: true,
    // The check of Host is ours, so that its answer is of the table.
    requireHostHeader: false,
    noDelay: true,
    // Any other upgrade is ignored, as RFC 9110, 7.8 has it: the HTTP clients of some languages offer h2c
    // with every call.
    shouldUpgradeCallback: isWebSocketHandshake,
  })
  server.maxConnections = limits.connections
  // One more than are allowed, so that more are noticed and not dropped in silence.
  server.maxHeadersCount = limits.headerCount + 1
  server.timeout = limits.idleTimeoutMs
  // A caller may close its side behind its last request and still read the answers. Node has this switch, but
  // no types for it.
  Object.assign(server, { httpAllowHalfOpen: true })

  const lines = new WeakMap<Duplex, Line>()
  /** Connections of which no more requests are taken. */
  const ending = new WeakSet<Duplex>()
  /** Connections whose end does not need to be looked after any more, whatever still comes. */
  const ended = new WeakSet<Duplex>()

  function lineOf(socket: Duplex): Line {
    const known = lines.get(socket)
    if (known !== undefined) return known
    const line: Line = { newest: undefined, open: 0, waiting: 0 }
    lines.set(socket, line)
    // Who closes its side while it waits has given up, as far as can be known: its place is another's now.
    socket.on('end', () => {
      if (line.waiting > 0) socket.destroy()
    })
    return line
  }

  function note(exchange: Exchange, line: Line): void {
    const { req, res } = exchange
    const before = line.newest?.res.writableFinished === false ? line.newest.res : undefined
    line.newest = { req, res, before }
    line.open += 1
    // One listener for all who want to know: of these there is one more with each call.
    res.on('close', () => forget(exchange, line))
  }

  function forget(exchange: Exchange, line: Line): void {
    activity.end(exchange)
    exchange.waiter?.leave()
    line.open -= 1
    // An idle connection holds on to nothing. One whose request is still to be read whole needs to know that it
    // was answered.
    if (exchange.req.complete && line.newest?.res === exchange.res) line.newest = undefined
  }

  /** Whether the connection has as many requests without an answer as it may; then it takes no more. */
  function isCrowded(socket: Socket, line: Line): boolean {
    if (line.newest === undefined || line.open < limits.pipelinedRequests) return false
    ending.add(socket)
    ended.add(socket)
    discard(socket)
    closeAfter(line.newest.res, socket)
    log.debug({ reason: 'TooManyPipelined' }, 'Connection is closed after its answers')
    return true
  }

  function onRequest(
    req: IncomingMessage,
    res: ServerResponse,
    { upgrade, fault }: Special = ORDINARY,
  ): void {
    const line = lineOf(req.socket)
    if (ending.has(req.socket) || isCrowded(req.socket, line)) return
    const exchange = openExchange({ req, res, caller: line, upgrade }, newId)
    try {
      note(exchange, line)
      const refusal = refusalOfRequest(req, limits) ?? fault
      if (refusal !== undefined) {
        refuse(exchange, refusal)
        return
      }
      const url = originForm(req.url ?? '/')
      if (isWebhookPath(url)) {
        if (upgrade === undefined) activity.begin(exchange)
        call(exchange, url)
      } else refuse(exchange, 'NotFound')
    } catch (error) {
      log.error({ err: error }, 'Request failed')
      if (res.headersSent) res.destroy()
      else sender.send(exchange, preparedAnswers.Internal)
    }
  }

  function refuse(exchange: Exchange, code: AnswerCode): void {
    log.debug({ reason: code, requestId: exchange.requestId }, 'Request refused')
    if (LAST.has(code)) {
      exchange.last = true
      ending.add(exchange.req.socket)
    }
    sender.send(exchange, preparedAnswers[code])
  }

  server.on('drop', () => (activity.dropped += 1))
  server.on('request', (req, res) => onRequest(req, res))
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const line = lineOf(socket)
    const before = line.newest?.res
    if (before?.writableFinished === false) {
      // Behind a call that waits for its answer there is no place for another protocol.
      socket.on('error', ignore)
      closeAfter(before, socket)
      return
    }
    const { res, release } = responseOn(req, socket)
    const releaseAll = (): void => {
      line.newest = undefined
      release()
    }
    onRequest(req, res, { upgrade: { stream: socket, head, release: releaseAll } })
  })
  // `100 Continue` is sent when a body is wanted, not before.
  server.on('checkContinue', (req, res) => onRequest(req, res))
  server.on('checkExpectation', (req, res) => onRequest(req, res, { fault: 'ExpectationFailed' }))
  const unparsed = (error: NodeJS.ErrnoException | undefined, socket: Duplex) => {
    if (ended.has(socket)) return
    ending.add(socket)
    ended.add(socket)
    const requestId = newId()
    const reason = refuseUnparsed(error?.code, socket, { newest: lines.get(socket)?.newest, requestId })
    if (reason === undefined) return
    activity.refusals.add(reason)
    log.debug({ reason, requestId }, 'Request refused')
  }
  server.on('clientError', unparsed)
  // A tunnel is not what is served here; its target is no path.
  server.on('connect', (_req: IncomingMessage, socket: Duplex) => {
    socket.on('error', ignore)
    unparsed(undefined, socket)
  })
  return server
}

/** One with a body is none (RFC 6455, 4.1): it is a call, whose offer to upgrade is ignored. */
function isWebSocketHandshake(req: IncomingMessage): boolean {
  const asks = req.headers.upgrade?.toLowerCase() === 'websocket'
  return asks && !hasBody(req) && isWebhookPath(originForm(req.url ?? '/'))
}

function ignore(): void {}

/**
 * What still comes is thrown away unread, and gets to no parser. A connection can't be paused instead: the
 * parser of Node goes on reading with each request that is complete.
 */
function discard(socket: Socket): void {
  // The first listener from outside takes the reading over from the parser.
  socket.on('data', ignore)
  for (const listener of socket.listeners('data'))
    if (listener !== ignore) socket.off('data', listener as () => void)
}

/**
 * Node leaves a connection that is to be upgraded without a response: this is one, the last on it unless it
 * is released.
 */
function responseOn(req: IncomingMessage, socket: Socket): { res: ServerResponse; release(): void } {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  // A connection that breaks is an end like any other; 'close' tells of it.
  socket.on('error', ignore)
  res.on('finish', () => socket.destroySoon())
  return {
    res,
    release() {
      res.detachSocket(socket)
      socket.off('error', ignore)
    },
  }
}
