/**
 * An event as two fields of a stream entry: all but its body as JSON, and the bytes of the body. The JSON
 * begins with the Webhook, by which `lua/include/flow.lua` finds it.
 */
import { isUtf8 } from 'node:buffer'
import type { CallEvent } from '../event.ts'

export function encodeEvent(event: CallEvent): [head: string, body: string | Buffer] {
  const { webhook, body } = event
  // It comes first, and again in its own place, where it changes nothing.
  const members: Partial<CallEvent> = event
  // A command of strings only is written at once; one with a Buffer is put together from parts.
  return [JSON.stringify({ webhook, ...members, body: undefined }), isUtf8(body) ? body.toString() : body]
}

export function decodeEvent(head: Buffer, body: Buffer): CallEvent {
  return Object.assign(decodeHead(head), { body })
}

export function decodeHead(head: Buffer): Omit<CallEvent, 'body'> {
  return JSON.parse(head.toString()) as Omit<CallEvent, 'body'>
}
