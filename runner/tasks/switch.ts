import type { SwitchTask } from '../plan.ts'
import type { TaskType } from './task.ts'

/** Gives on what it got. When no case holds, the task's own `then` decides. */
export const switchTask: TaskType<SwitchTask> = {
  async begin(at) {
    const { task, frame } = at
    for (const { when, then } of task.cases)
      if (!when || (await at.holds(when, frame.input))) return { kind: 'done', output: frame.input, then }
    return { kind: 'done', output: frame.input }
  },
}
