import type { CallEvent } from '../event.ts'
import type { Once, OpenReply, ReplyAddress, ReplyMessage, ReplyOutcome } from '../state.ts'
import { ExpiringMap } from '../expiring-map.ts'

export interface Replies {
  open(event: CallEvent, waiting: { pod: string; ttlMs: number; once?: Once }): void
  /** The caller no longer waits. */
  close(replyId: string): void
  reply(address: ReplyAddress, message: ReplyMessage): ReplyOutcome
  settle(address: ReplyAddress, run: { runId: string; failed: boolean; total: number }): void
}

interface Waiting extends OpenReply {
  pod: string
  /** Answered, or its caller no longer waits. */
  over: boolean
  settled: Set<string>
  failed: boolean
  once: string | undefined
  expiresAt: number
}

/** The replies that callers wait for; `deliver` brings the first of each to the pod that waits. */
export function createReplies(
  now: () => number,
  deliver: (pod: string, replyId: string, message: ReplyMessage) => void,
  remember: (once: string, message: ReplyMessage) => void,
): Replies {
  const replies = new ExpiringMap<Waiting>(now)

  function find({ replyId, namespace }: ReplyAddress): Waiting | undefined {
    const waiting = replies.get(replyId)
    return waiting?.namespace === namespace ? waiting : undefined
  }

  function reply(address: ReplyAddress, message: ReplyMessage): ReplyOutcome {
    const waiting = find(address)
    if (waiting === undefined) return 'gone'
    if (waiting.once !== undefined) remember(waiting.once, message)
    if (waiting.over) return 'late'
    waiting.over = true
    deliver(waiting.pod, address.replyId, message)
    return 'first'
  }

  return {
    open({ reply, webhook: { namespace } }, { pod, ttlMs, once }) {
      if (reply === undefined) return
      // A call that says the same again gets the answer, however late it comes.
      const expiresAt = now() + Math.max(ttlMs, once?.ttlMs ?? 0)
      const fresh = { over: false, settled: new Set<string>(), failed: false }
      replies.set(reply.id, { namespace, mode: reply.mode, pod, ...fresh, once: once?.key, expiresAt })
    },
    close(replyId) {
      const waiting = replies.get(replyId)
      if (waiting !== undefined) waiting.over = true
    },
    reply,
    settle(address, { runId, failed, total }) {
      const waiting = find(address)
      if (waiting === undefined || (waiting.over && waiting.once === undefined)) return
      if (total > 0) waiting.settled.add(runId)
      waiting.failed ||= failed
      if (waiting.settled.size >= total) reply(address, { kind: waiting.failed ? 'failed' : 'ended' })
    },
  }
}
