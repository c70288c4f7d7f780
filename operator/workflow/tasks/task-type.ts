import type { TaskBase, TaskPlan } from '../../../runner/plan.ts'
import type { Field, Fields } from '../field.ts'

/** The keys of the standard that say what a task does. */
export const TASK_KEYS = [
  ...([
    'call',
    'do',
    'emit',
    'for',
    'fork',
    'listen',
    'raise',
    'run',
    'set',
    'switch',
    'try',
    'wait',
  ] as const),
]
export type TaskKey = (typeof TASK_KEYS)[number]

/** How one type of task is read. */
export interface TaskType {
  /** The keys beside the one that names the type. */
  required?: readonly string[]
  optional?: readonly string[]
  /** Undefined when it has a fault or can't be run; that has been reported then. */
  compile(input: TaskInput): TaskPlan | undefined
}

export interface TaskInput {
  /** What stands under the key that names the type. */
  main: Field
  /** The whole task. */
  task: Field
  fields: Fields
  base: TaskBase
  siblings: readonly string[]
}

export const DIRECTIVES = ['continue', 'exit', 'end'] as const
