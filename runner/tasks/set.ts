import type { SetTask } from '../plan.ts'
import { whenThere } from '../soon.ts'
import type { TaskType } from './task.ts'

export const setTask: TaskType<SetTask> = {
  begin: (at) => whenThere(at.evaluate(at.task.set, at.frame.input), (output) => ({ kind: 'done', output })),
}
