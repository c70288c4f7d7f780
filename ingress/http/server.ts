import type { IncomingMessage, Server } from 'node:http'
import { createServer, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AnswerCode } from '../answers.ts'
import type { Log } from '../../process/log.ts'
import { hasBody } from './body.ts'
import type { Activity } from './activity.ts'
import type { CallHandler } from './call.ts'
import type { Sender, Upgrade } from './exchange.ts'
import { openExchange } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import type { NewestRequest } from './malformed.ts'
import { closeAfter, refusalOfRequest, refuseUnparsed } from './malformed.ts'
import { preparedAnswers } from '../routes/prepared.ts'
import { isWebhookPath, originForm } from './target.ts'

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

  const newest = new WeakMap<Duplex, NewestRequest>()
  /** Connections of which no more requests are taken. */
  const ending = new WeakSet<Duplex>()
  /** Connections whose end does not need to be looked after any more, whatever still comes. */
  const ended = new WeakSet<Duplex>()

  function note(req: IncomingMessage, res: ServerResponse): void {
    const last = newest.get(req.socket)
    const before = last?.res.writableFinished === false ? last.res : undefined
    newest.set(req.socket, { req, res, before, open: (last?.open ?? 0) + 1 })
    res.once('close', forget)
  }

  /**
   * An idle connection holds on to nothing. One whose request is still to be read whole needs to know that it
   * was answered.
   */
  function forget(this: ServerResponse): void {
    const last = newest.get(this.req.socket)
    if (last === undefined) return
    last.open -= 1
    if (this.req.complete && last.res === this) newest.delete(this.req.socket)
  }

  /** Whether the connection has as many requests without an answer as it may; then it takes no more. */
  function isCrowded(socket: Socket): boolean {
    const last = newest.get(socket)
    if (last === undefined || last.open < limits.pipelinedRequests) return false
    ending.add(socket)
    ended.add(socket)
    discard(socket)
    closeAfter(last.res, socket)
    log.debug({ reason: 'TooManyPipelined' }, 'Connection is closed after its answers')
    return true
  }

  /** `fault`: what is wrong with a request that is well-formed. */
  function onRequest(
    req: IncomingMessage,
    res: ServerResponse,
    { upgrade, fault }: { upgrade?: Upgrade; fault?: AnswerCode } = {},
  ): void {
    if (ending.has(req.socket) || isCrowded(req.socket)) return
    try {
      note(req, res)
      const refusal = refusalOfRequest(req, limits) ?? fault
      if (refusal !== undefined) {
        refuse(req, res, refusal)
        return
      }
      const url = originForm(req.url ?? '/')
      if (isWebhookPath(url)) {
        const exchange = openExchange(req, res, newId, upgrade)
        if (upgrade === undefined) activity.follow(exchange)
        call(exchange, url)
      } else refuse(req, res, 'NotFound')
    } catch (error) {
      log.error({ err: error }, 'Request failed')
      if (res.headersSent) res.destroy()
      else sender.send(openExchange(req, res, newId), preparedAnswers.Internal)
    }
  }

  function refuse(req: IncomingMessage, res: ServerResponse, code: AnswerCode): void {
    const exchange = openExchange(req, res, newId)
    log.debug({ reason: code, requestId: exchange.requestId }, 'Request refused')
    if (LAST.has(code)) {
      exchange.last = true
      ending.add(req.socket)
    }
    sender.send(exchange, preparedAnswers[code])
  }

  // As many calls of a connection may wait as the limits of their webhooks let, and each listens for its end.
  server.on('drop', () => (activity.dropped += 1))
  server.on('connection', (socket: Socket) => socket.setMaxListeners(0))
  server.on('request', (req, res) => onRequest(req, res))
  server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) => {
    const before = newest.get(socket)?.res
    if (before?.writableFinished === false) {
      // Behind a call that waits for its answer there is no place for another protocol.
      socket.on('error', ignore)
      closeAfter(before, socket)
      return
    }
    const { res, release } = responseOn(req, socket)
    const releaseAll = (): void => {
      newest.delete(socket)
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
    const reason = refuseUnparsed(error?.code, socket, { newest: newest.get(socket), requestId })
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
