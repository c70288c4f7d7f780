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
  if (req.headers.host === undefined && req.httpVersion !== '1.0') return 'Malformed'
  return undefined
}

/** Answers what the parser could not make a request of, or waited for in vain, on the bare socket, and closes it. */
export function refuseUnparsed(
  error: NodeJS.ErrnoException,
  socket: Duplex & { destroySoon?(): void },
  context: {
    sender: Sender
    requestId: string
  },
): AnswerCode | undefined {
  // Behind calls that still wait for their answers this one would be taken for the first of theirs.
  if (error.code === 'ECONNRESET' || !socket.writable || context.sender.expects(socket)) {
    socket.destroy()
    return undefined
  }
  const code = codes[error.code ?? ''] ?? 'Malformed'
  const { status, headers, body } = preparedAnswers[code]
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`]
  const all = [...headers, 'X-Request-Id', context.requestId, 'Connection', 'close']
  for (let i = 0; i < all.length; i += 2) lines.push(`${all[i] ?? ''}: ${all[i + 1] ?? ''}`)
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
  if (socket.destroySoon === undefined) socket.end()
  else socket.destroySoon()
  return code
}

/** By the error codes of Node and its parser; any other is of something malformed. */
const codes: Record<string, AnswerCode> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PayloadTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
}
