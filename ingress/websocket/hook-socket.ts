import { WebSocket } from 'ws'
import type { End } from './ends.ts'
import { ends } from './ends.ts'

/** By the code that the library ends a connection with. */
const VIOLATIONS: Readonly<Record<number, End>> = {
  1008: ends.MessageTooScattered,
  1009: ends.MessageTooLarge,
}

/**
 * A WebSocket that knows how it was closed from this side, and closes with 1008 where the protocol has a code
 * of its own for what is too large.
 */
export class HookSocket extends WebSocket {
  /** What this side has sent, or has echoed, as the end of the connection. */
  closedWith: End | undefined

  /**
   * Also called by the library itself: with nothing but the code of a violation, or with code and reason that
   * the client has sent.
   */
  override close(code?: number, data?: string | Buffer): void {
    if (code === undefined) {
      super.close()
      return
    }
    const violation = data === undefined ? VIOLATIONS[code] : undefined
    const end = violation ?? { code, reason: data?.toString() ?? '' }
    this.closedWith ??= end
    super.close(end.code, end.reason)
  }
}
