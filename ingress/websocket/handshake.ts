import type { IncomingMessage } from 'node:http'
import type { AnswerCode } from '../answers.ts'
import { isToken, trimBlanks } from '../header-syntax.ts'
import type { Route } from '../route.ts'

type Rules = NonNullable<Route['webSocket']>

const KEY_FORM = /^[A-Za-z0-9+/]{22}==$/
/** The only version that there is (RFC 6455, 4.4). */
export const PROTOCOL_VERSION = '13'

/** What is wrong with the form of an opening handshake (RFC 6455, 4.2.1); undefined: nothing. */
export function handshakeFault(req: IncomingMessage): AnswerCode | undefined {
  if (req.headers['sec-websocket-version'] !== PROTOCOL_VERSION) return 'UnsupportedVersion'
  const whole = req.method === 'GET' && req.httpVersion === '1.1'
  const key = req.headers['sec-websocket-key'] ?? ''
  return whole && KEY_FORM.test(key) && offeredProtocols(req) !== undefined ? undefined : 'Malformed'
}

/** Whether the page that connects may (RFC 6454, 7). Only browsers send an Origin, and they always do. */
export function originPasses({ allowedOrigins }: Rules, { headers }: IncomingMessage): boolean {
  const { origin } = headers
  return allowedOrigins.length === 0 || origin === undefined || allowedOrigins.includes(origin.toLowerCase())
}

/** The first of the webhook's subprotocols that the client offers, too. */
export function chooseSubprotocol({ subprotocols }: Rules, req: IncomingMessage): string | undefined {
  const offered = offeredProtocols(req)
  return subprotocols.find((name) => offered?.includes(name))
}

/** Undefined: the header is malformed. */
function offeredProtocols({ headers }: IncomingMessage): string[] | undefined {
  const header = headers['sec-websocket-protocol']
  if (header === undefined) return []
  const names = header.split(',').map(trimBlanks)
  return names.every(isToken) && new Set(names).size === names.length ? names : undefined
}
