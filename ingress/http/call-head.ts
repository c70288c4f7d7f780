/** What is known of a call when its headers are here: whether it may go on. */
import type { IncomingMessage } from 'node:http'
import type { AnswerCode } from '../answers.ts'
import type { ServedRoute } from '../routes/served.ts'
import { queryParameter } from '../verify/query.ts'
import { handshakeFault } from '../websocket/handshake.ts'
import { declaredLength } from './body.ts'
import { credentialsPass } from '../routes/credentials.ts'
import type { Exchange } from './exchange.ts'
import type { Target } from './target.ts'

/** What ends a call before anything of its body is read or counted; undefined: it goes on. */
export function refusalByHead(route: ServedRoute, { req, upgrade }: Exchange): AnswerCode | undefined {
  if (route.state === 'Unavailable') return 'RouteUnavailable'
  if (route.type === 'WebSocket') {
    if (route.state === 'Suspended') return 'NotFound'
    if (upgrade === undefined) return 'UpgradeRequired'
    return handshakeFault(req) ?? (route.state === 'Active' ? undefined : route.state)
  }
  if (route.state !== 'Active') return route.state
  if (upgrade !== undefined) return 'HTTPRequired'
  const encoding = req.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return 'UnsupportedEncoding'
  if (declaredLength(req) > route.payloadBytes) return 'PayloadTooLarge'
  return undefined
}

/** Credentials that the route asks for, unless its protocol has handshakes that show none. */
export function hasCredentials(
  { credentials, verification }: ServedRoute,
  req: IncomingMessage,
  target: Target,
): boolean {
  if (credentials === undefined || verification?.needsCredentials?.(req.method ?? 'GET') === false)
    return true
  const { authorization } = req.headers
  const parameter = verification?.bearerParameter
  if (authorization !== undefined || parameter === undefined)
    return credentialsPass(credentials, authorization)
  return credentialsPass(credentials, `Bearer ${queryParameter(target.query, parameter) ?? ''}`)
}
