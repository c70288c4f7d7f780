import type { TaskType } from './task-type.ts'

export const doTask: TaskType = {
  compile: ({ main, base }) => ({
    ...base,
    type: 'do',
    do: main.scope.compileTasks(main, `${base.pointer}/do`),
  }),
}
