import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AnswerCode } from '../answers.ts'
import type { HttpLimits } from './limits.ts'
import { preparedAnswers } from '../routes/prepared.ts'

/** What is wrong with a request whatever it asks for; undefined: nothing. */
export function refusalOfRequest(req: IncomingMessage, limits: HttpLimits): AnswerCode | undefined {
  const { url = '/' } = req
  if (url.length > limits.urlBytes || hasMoreParameters(url, limits.queryParameters)) return 'UrlTooLong'
  if (req.rawHeaders.length > 2 * limits.headerCount) return 'HeadersTooLarge'
  if (req.httpVersionMajor !== 1 || !hasSaneHost(req)) return 'Malformed'
  // A fragment is no part of a target (RFC 9112, 3.2): what stands before this server may have cut it off, or
  // not.
  if (url.includes('#')) return 'Malformed'
  return refusalOfFraming(req)
}

/** Whether the query has more than that many parameters. */
function hasMoreParameters(url: string, most: number): boolean {
  let count = 0
  let at = url.indexOf('?')
  while (at !== -1 && ++count <= most) at = url.indexOf('&', at + 1)
  return count > most
}

/**
 * Exactly one, and one that can be a host: what stands before this server may route by it (RFC 9112, 3.2).
 * HTTP/1.0 needs none.
 */
function hasSaneHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  // Two come joined, with a comma and a blank.
  return host === undefined ? httpVersion === '1.0' : HOST_FORM.test(host)
}

/** RFC 3986, 3.2.2 and 3.2.3, without the comma that is in no name of the DNS. */
const HOST_FORM = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/

/**
 * Framings that the parser lets pass, but that others may read in another way: HTTP/1.0 knows no transfer
 * codings (RFC 9112, 6.1), and of those that there are only chunks are undone here.
 */
function refusalOfFraming({ headers, httpVersion }: IncomingMessage): AnswerCode | undefined {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  if (httpVersion === '1.0') return 'Malformed'
  return coding.toLowerCase() === 'chunked' ? undefined : 'UnsupportedTransfer'
}

type BareSocket = Duplex & { destroySoon?(): void }

/** The newest request of a connection, and its answer, given or not. */
export interface NewestRequest {
  req: IncomingMessage
  res: ServerResponse
  /** The answer before it, when that was not given yet. */
  before: ServerResponse | undefined
}

/**
 * Answers what the parser could not make a request of, or waited for in vain, on the bare socket, and closes
 * it. What callers on the same connection wait for is answered first, and then the connection is closed
 * without a word: one more would be taken for the answer to something else.
 */
export function refuseUnparsed(
  errorCode: string | undefined,
  socket: BareSocket,
  { newest, requestId }: { newest: NewestRequest | undefined; requestId: string },
): AnswerCode | undefined {
  if (errorCode === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return undefined
  }
  const faulty = newest?.req.complete === false ? newest : undefined
  const pending = faulty === undefined ? newest?.res : faulty.before
  if (pending?.writableFinished === false) {
    closeAfter(pending, socket)
    return undefined
  }
  // What is wrong was found in the head already, or in a body that nobody wants: one answer is enough.
  if (faulty?.res.headersSent === true) {
    close(socket)
    return undefined
  }
  const code = CODES[errorCode ?? ''] ?? 'Malformed'
  const { status, headers, body } = preparedAnswers[code]
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  const all = [...headers, 'X-Request-Id', requestId, 'Connection', 'close']
  for (let i = 0; i < all.length; i += 2) lines.push(`${all[i] ?? ''}: ${all[i + 1] ?? ''}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
  close(socket)
  return code
}

/** Closes the connection when that answer has been given, or can't be any more. */
export function closeAfter(answer: ServerResponse, socket: BareSocket): void {
  if (answer.closed) close(socket)
  else answer.once('close', () => close(socket))
}

/** After what was written has left. */
function close(socket: BareSocket): void {
  if (socket.destroySoon === undefined) socket.end()
  else socket.destroySoon()
}

/** By the error codes of Node and its parser; any other is of something malformed. */
const CODES: Record<string, AnswerCode> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PayloadTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
}
