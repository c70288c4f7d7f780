import { callTask } from './call.ts'
import { doTask } from './do.ts'
import { forTask } from './for.ts'
import { raiseTask } from './raise.ts'
import { setTask } from './set.ts'
import { switchTask } from './switch.ts'
import type { TaskKey, TaskType } from './task-type.ts'
import { tryTask } from './try.ts'
import { waitTask } from './wait.ts'

/** A construct of the standard that is accepted as text and can't be run yet. */
const notYet = (key: TaskKey, ...optional: string[]): TaskType => ({
  optional,
  compile: ({ main }) => main.unsupported(`${key} can not be run yet`),
})

/** Every type of task of the standard; a new one fails the build until it is here. */
export const TASK_TYPES = {
  call: callTask,
  do: doTask,
  emit: notYet('emit'),
  for: forTask,
  fork: notYet('fork'),
  listen: notYet('listen', 'foreach'),
  raise: raiseTask,
  run: notYet('run'),
  set: setTask,
  switch: switchTask,
  try: tryTask,
  wait: waitTask,
} satisfies Record<TaskKey, TaskType>
