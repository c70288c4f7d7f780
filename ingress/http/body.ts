import type { IncomingMessage } from 'node:http'

/** How the reading of a body ended. `gone`: the caller closed the connection before its end. */
export type BodyOutcome = { kind: 'complete'; body: Buffer } | { kind: 'too-large' } | { kind: 'gone' }

export const emptyBody: Buffer = Buffer.alloc(0)

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
 * Reads the raw body and counts as it goes; at `limit` bytes it stops reading and says so. What is kept is one growing buffer, so that a body in
 * chunks of a byte costs at most twice its size. `done` is called once; afterwards no listener is left on the request.
 */
export function readBody(req: IncomingMessage, limit: number, done: (outcome: BodyOutcome) => void): void {
  let kept: Buffer = emptyBody
  let length = 0

  const onData = (chunk: Buffer) => {
    if (length + chunk.length > limit) {
      req.pause()
      finish({ kind: 'too-large' })
      return
    }
    if (length === 0) {
      // The usual body is one chunk, and is not copied.
      kept = chunk
    } else {
      if (length + chunk.length > kept.length) kept = grown(kept, length, chunk.length)
      chunk.copy(kept, length)
    }
    length += chunk.length
  }
  const onEnd = () =>
    finish({ kind: 'complete', body: kept.length === length ? kept : kept.subarray(0, length) })
  const onClose = () => finish({ kind: 'gone' })
  const finish = (outcome: BodyOutcome) => {
    req.off('data', onData).off('end', onEnd).off('close', onClose)
    done(outcome)
  }
  req.on('data', onData).on('end', onEnd).on('close', onClose)
}

function grown(kept: Buffer, length: number, more: number): Buffer {
  const buffer = Buffer.allocUnsafe(Math.max(2 * length, length + more))
  kept.copy(buffer, 0, 0, length)
  return buffer
}
