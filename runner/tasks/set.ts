import type { SetTask } from '../plan.ts'
import type { TaskType } from './task.ts'

export const setTask: TaskType<SetTask> = {
  async begin({ task, frame, evaluate }) {
    return { kind: 'done', output: await evaluate(task.set, frame.input) }
  },
}
