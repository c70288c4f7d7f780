import { readReply } from '../functions/reply.ts'
import type { ReplyCallTask } from '../plan.ts'
import type { TaskType } from './task.ts'

/**
 * Answers the caller who waits, or sends to a WebSocket. Gives on what it got; how it went is at
 * `$task.reply` in the task's own `output.as` and `export.as`: `first` (it is the answer), `late` (there was
 * one before, or the caller is gone), `sent` (to a WebSocket), or `gone` (nobody waits under that id, or the
 * connection is over).
 */
export const replyTask: TaskType<ReplyCallTask> = {
  async begin(at) {
    const { task, frame } = at
    const to = readReply(await at.evaluate(task.with, frame.input), at.replyId)
    if (to.kind === 'message') frame.memory = await at.send(to.to, to.message)
    else frame.memory = to.to === undefined ? 'gone' : await at.reply(to.to, to.message)
    at.effectDone()
    return { kind: 'done', output: frame.input }
  },
  about: (frame) => ({ reply: frame.memory }),
}
