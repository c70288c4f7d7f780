import { randomUUIDv7 } from 'node:crypto'
import type { CallEvent } from './event.ts'

/** RFC 6455, 7.4.1: the connection ended without a close frame. */
const abnormal = 1006

/**
 * The `disconnect` event of a connection whose process died, made of its `connect` event. `now` in
 * milliseconds.
 */
export function lapsedEvent({ socket, ...connect }: Omit<CallEvent, 'body'>, now: number): CallEvent {
  return {
    ...connect,
    id: randomUUIDv7(),
    time: new Date(now).toISOString(),
    type: 'disconnect',
    socket: { id: socket?.id ?? '', end: { statusCode: abnormal, reason: '' } },
    body: Buffer.alloc(0),
  }
}
