import type { DoTask } from '../plan.ts'
import type { TaskType } from './task.ts'

/** A list of tasks as one. */
export const doTask: TaskType<DoTask> = {
  lists: (task) => ({ do: task.do }),
  begin: ({ frame }) => ({ kind: 'list', list: 'do', input: frame.input }),
  ended: (_at, output) => ({ kind: 'done', output }),
}
