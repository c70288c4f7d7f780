import type { Json } from '../../state/event.ts'
import { failure } from '../run/problem.ts'
import type { ForTask } from '../plan.ts'
import type { Step, TaskAtWork, TaskType } from './task.ts'

/** The items that are left are kept, so that a run that goes on elsewhere sees the same. */
interface Loop {
  [member: string]: Json
  items: Json[]
  index: number
}

/**
 * Each round gets the output of the one before; the last one's is the task's. `then: exit` in a round ends
 * the loop.
 */
export const forTask: TaskType<ForTask> = {
  lists: (task) => ({ do: task.do }),
  async begin(at) {
    const { task, frame } = at
    const items = await at.evaluate(task.in, frame.input)
    if (!Array.isArray(items)) throw failure('validation', 'in does not give an array')
    return await round(at, { items, index: 0 }, frame.input)
  },
  async ended(at, output, exited) {
    const loop = at.frame.memory as Loop
    return exited ? { kind: 'done', output } : await round(at, { ...loop, index: loop.index + 1 }, output)
  },
}

async function round(at: TaskAtWork<ForTask>, loop: Loop, input: Json): Promise<Step> {
  const { task, frame } = at
  if (loop.index >= loop.items.length) return { kind: 'done', output: input }
  frame.memory = loop
  frame.variables = { [task.each]: loop.items[loop.index] ?? null, [task.at]: loop.index }
  if (task.while && !(await at.holds(task.while, input))) return { kind: 'done', output: input }
  return { kind: 'list', list: 'do', input }
}
