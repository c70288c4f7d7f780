import { WebSocket } from 'ws'
import type { End } from './ends.ts'
import { ends } from './ends.ts'

const TOO_LARGE = 1009

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
    const isViolation = data === undefined
    const end =
      isViolation && code === TOO_LARGE ? ends.MessageTooLarge : { code, reason: data?.toString() ?? '' }
    this.closedWith ??= end
    super.close(end.code, end.reason)
  }
}
