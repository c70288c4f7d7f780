import type { IncomingMessage } from 'node:http'
import type { HeldBytes, HeldShare } from '../held-bytes.ts'

/**
 * How the reading of a body ended. `gone`: the caller closed the connection before its end; `crowded-out`:
 * others needed the memory.
 */
export type BodyOutcome =
  { kind: 'complete'; body: Buffer } | { kind: 'too-large' } | { kind: 'crowded-out' } | { kind: 'gone' }

export const EMPTY_BODY: Buffer = Buffer.alloc(0)

/** Whether the request announces a body at all (RFC 9112, 6). */
export function hasBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) > 0)
}

/** The announced length in bytes; 0 when it is not announced. The parser lets only digits through. */
export function declaredLength(req: IncomingMessage): number {
  return Number(req.headers['content-length'] ?? 0)
}

/**
 * Reads the raw body and counts as it goes; at `limit` bytes it stops reading and says so. What is kept is
 * one growing buffer, so that a body in chunks of a byte costs at most twice its size; while it is not
 * complete, `held` counts it. `done` is called once; afterwards what still comes is left to others.
 */
export function readBody(
  req: IncomingMessage,
  { limit, held }: { limit: number; held: HeldBytes },
  done: (outcome: BodyOutcome) => void,
): void {
  const declared = declaredLength(req)
  let kept: Buffer = EMPTY_BODY
  let length = 0
  let share: HeldShare | undefined
  let isDone = false

  const onData = (chunk: Buffer) => {
    if (length + chunk.length > limit) {
      stop({ kind: 'too-large' })
      return
    }
    const before = kept.length
    if (length === 0) {
      // The usual body is one chunk, and is not copied.
      kept = chunk
    } else {
      if (length + chunk.length > kept.length) kept = grown(kept, length, chunk.length)
      chunk.copy(kept, length)
    }
    length += chunk.length
    if (length === declared) return
    share ??= held.holder(() => stop({ kind: 'crowded-out' }))
    share.keep(kept.length - before)
  }
  const onEnd = () =>
    finish({ kind: 'complete', body: kept.length === length ? kept : kept.subarray(0, length) })
  const onClose = () => finish({ kind: 'gone' })
  const stop = (outcome: BodyOutcome) => {
    req.pause()
    req.off('data', onData)
    finish(outcome)
  }
  const finish = (outcome: BodyOutcome) => {
    // Of a request that has ended the listeners stay: to take them away would cost more than to hear of its
    // close, but they must not keep the body.
    if (isDone) return
    isDone = true
    kept = EMPTY_BODY
    share?.end()
    done(outcome)
  }
  req.on('data', onData).on('end', onEnd).on('close', onClose)
}

function grown(kept: Buffer, length: number, more: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.max(2 * length, length + more))
  kept.copy(buffer, 0, 0, length)
  return buffer
}
