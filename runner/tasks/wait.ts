import type { WaitTask } from '../plan.ts'
import type { TaskType } from './task.ts'

/** Parks the run. Its memory is the time until which it waits. */
export const waitTask: TaskType<WaitTask> = {
  async begin(at) {
    const { task, frame, clock } = at
    if (frame.memory === null) frame.memory = clock.now() + (await at.milliseconds(task.wait, frame.input))
    const until = Number(frame.memory)
    return until > clock.now() ? { kind: 'park', until } : { kind: 'done', output: frame.input }
  },
}
