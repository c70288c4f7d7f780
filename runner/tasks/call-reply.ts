import { readReply } from '../functions/reply.ts'
import type { ReplyCallTask } from '../plan.ts'
import type { TaskType } from './task.ts'

/**
 * Answers the caller who waits. Gives on what it got; how it went is at `$task.reply` in the task's own `output.as` and `export.as`:
 * `first` (it is the answer), `late` (there was one before, or the caller is gone), or `gone` (nobody waits under that id).
 */
export const replyTask: TaskType<ReplyCallTask> = {
  async begin({ task, frame, replyId, evaluate, reply, effectDone }) {
    const { to, message } = readReply(await evaluate(task.with, frame.input), replyId)
    frame.memory = to === undefined ? 'gone' : await reply(to, message)
    effectDone()
    return { kind: 'done', output: frame.input }
  },
  about: (frame) => ({ reply: frame.memory }),
}
