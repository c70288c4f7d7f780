import type { Route } from '../../../ingress/route.ts'
import type { CallEvent } from '../../../state/event.ts'
import type { SendOutcome, SocketMessage } from '../../../state/state.ts'
import { routeOf } from '../support.ts'
import type { Site } from '../site.ts'

export function socketRoute(name = 'chat', change: Parameters<typeof routeOf>[1] = {}): Route {
  const webSocket = { allowedOrigins: [], subprotocols: [], encoding: 'base64' } as const
  return routeOf(name, {
    type: 'WebSocket',
    webSocket: { ...webSocket, allowedOrigins: [], subprotocols: [] },
    ...change,
  })
}

export function urlOf(site: Site, route: Route, rest = ''): string {
  return `ws://127.0.0.1:${site.port}/webhooks/${route.token}${rest}`
}

/** A run sends to the connection that an event is of. */
export function sendTo(site: Site, event: CallEvent, message: SocketMessage): Promise<SendOutcome> {
  const replyId = event.socket?.id ?? ''
  return site.runner.send({ replyId, namespace: event.webhook.namespace }, message)
}

/** The events up to the first of that type, with it. */
export async function eventsUntil(site: Site, type: CallEvent['type']): Promise<CallEvent[]> {
  const events: CallEvent[] = []
  while (events.at(-1)?.type !== type) events.push(await site.nextEvent())
  return events
}

/** A handshake as it goes over the wire. */
export function handshake(token: string, more = ''): string {
  return [
    `GET /webhooks/${token} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    `${more}\r\n`,
  ].join('\r\n')
}
