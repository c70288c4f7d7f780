import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { AnswerCode } from '../answers.ts'
import type { Sender } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import { preparedAnswers } from './prepared.ts'

/** What is wrong with a request whatever it asks for; undefined: nothing. */
export function refusalOfRequest(req: IncomingMessage, limits: HttpLimits): AnswerCode | undefined {
  if ((req.url ?? '').length > limits.urlBytes) return 'UrlTooLong'
  if (req.rawHeaders.length > 2 * limits.headerCount) return 'HeadersTooLarge'
  if (req.httpVersionMajor !== 1 || !hasSaneHost(req)) return 'Malformed'
  return refusalOfFraming(req)
}

/** Exactly one, and one that can be a host: what stands before this server may route by it (RFC 9112, 3.2). HTTP/1.0 needs none. */
function hasSaneHost({ headers: { host }, httpVersion }: IncomingMessage): boolean {
  // Two come joined, with a comma and a blank.
  return host === undefined ? httpVersion === '1.0' : hostForm.test(host)
}

/** RFC 3986, 3.2.2 and 3.2.3, without the comma that is in no name of the DNS. */
const hostForm = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/

/**
 * Framings that the parser lets pass, but that others may read in another way: HTTP/1.0 knows no transfer codings (RFC 9112, 6.1), and of those that
 * there are only chunks are undone here.
 */
function refusalOfFraming({ headers, httpVersion }: IncomingMessage): AnswerCode | undefined {
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  if (httpVersion === '1.0') return 'Malformed'
  return coding.toLowerCase() === 'chunked' ? undefined : 'UnsupportedTransfer'
}

type BareSocket = Duplex & { destroySoon?(): void }

/** Answers what the parser could not make a request of, or waited for in vain, on the bare socket, and closes it. */
export function refuseUnparsed(
  errorCode: string | undefined,
  socket: BareSocket,
  context: {
    sender: Sender
    requestId: string
  },
): AnswerCode | undefined {
  // Behind calls that still wait for their answers this one would be taken for the first of theirs.
  if (errorCode === 'ECONNRESET' || !socket.writable || context.sender.expects(socket)) {
    socket.destroy()
    return undefined
  }
  // What is wrong was found in the head already, or in a body that nobody wants: one answer is enough.
  if (context.sender.isDone(socket)) {
    close(socket)
    return undefined
  }
  const code = codes[errorCode ?? ''] ?? 'Malformed'
  const { status, headers, body } = preparedAnswers[code]
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  const all = [...headers, 'X-Request-Id', context.requestId, 'Connection', 'close']
  for (let i = 0; i < all.length; i += 2) lines.push(`${all[i] ?? ''}: ${all[i + 1] ?? ''}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
  close(socket)
  return code
}

/** After what was written has left. */
function close(socket: BareSocket): void {
  if (socket.destroySoon === undefined) socket.end()
  else socket.destroySoon()
}

/** By the error codes of Node and its parser; any other is of something malformed. */
const codes: Record<string, AnswerCode> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PayloadTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
}
