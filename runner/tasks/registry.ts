import type { TaskPlan, TaskType as TypeName } from '../plan.ts'
import { httpTask } from './call-http.ts'
import { replyTask } from './call-reply.ts'
import { doTask } from './do.ts'
import { forTask } from './for.ts'
import { raiseTask } from './raise.ts'
import { setTask } from './set.ts'
import { switchTask } from './switch.ts'
import type { TaskType } from './task.ts'
import { tryTask } from './try.ts'
import { waitTask } from './wait.ts'

const TASK_TYPES = {
  do: doTask,
  set: setTask,
  switch: switchTask,
  for: forTask,
  try: tryTask,
  raise: raiseTask,
  wait: waitTask,
  'call:http': httpTask,
  'call:reply': replyTask,
} satisfies { [Name in TypeName]: TaskType<Extract<TaskPlan, { type: Name }>> }

export function taskTypeOf(task: TaskPlan): TaskType<TaskPlan> {
  // The registry pairs each name with the type of its own tasks.
  return TASK_TYPES[task.type]
}
