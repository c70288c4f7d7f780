import { readReply } from '../functions/reply.ts'
import type { Reply } from '../functions/reply.ts'
import type { ReplyCallTask } from '../plan.ts'
import { whenThere } from '../soon.ts'
import type { Step, TaskAtWork, TaskType } from './task.ts'

/**
 * Answers the caller who waits, or sends to a WebSocket. Gives on what it got; how it went is at
 * `$task.reply` in the task's own `output.as` and `export.as`: `first` (it is the answer), `late` (there was
 * one before, or the caller is gone), `sent` (to a WebSocket), or `gone` (nobody waits under that id, or the
 * connection is over).
 */
export const replyTask: TaskType<ReplyCallTask> = {
  begin: (at) =>
    whenThere(at.evaluate(at.task.with, at.frame.input), (args) => give(at, readReply(args, at.replyId))),
  about: (frame) => ({ reply: frame.memory }),
}

async function give(at: TaskAtWork<ReplyCallTask>, reply: Reply): Promise<Step> {
  const { frame } = at
  if (reply.kind === 'message') frame.memory = await at.send(reply.to, reply.message)
  else frame.memory = reply.to === undefined ? 'gone' : await at.reply(reply.to, reply.message)
  at.effectDone()
  return { kind: 'done', output: frame.input }
}
