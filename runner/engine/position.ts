/** Where a run stands in its plan. */
import type { TaskPlan } from '../plan.ts'
import { failure } from '../run/problem.ts'
import type { Run } from '../run/run.ts'
import type { Frame } from '../run/run-state.ts'
import { taskTypeOf } from '../tasks/registry.ts'

type Standing = Pick<Run, 'plan' | 'state'>

/** The list that the frame at this depth stands in; empty when the plan has no such list. */
export function siblingsAt({ plan, state: { frames } }: Standing, depth: number): TaskPlan[] {
  let tasks: TaskPlan[] = plan.do
  for (let level = 1; level <= depth; level++) {
    const around = tasks[frames[level - 1]?.index ?? -1]
    const list = frames[level]?.list ?? 'do'
    tasks = (around && taskTypeOf(around).lists?.(around)[list]) ?? []
  }
  return tasks
}

/** The task at work; undefined before the first, after the last, and when the plan has none there. */
export function lastTask(standing: Standing): TaskPlan | undefined {
  return taskAt(standing, standing.state.frames.length - 1)
}

/** The task that a frame of the run is of. */
export function taskOf(standing: Standing, frame: Frame): TaskPlan {
  const task = taskAt(standing, standing.state.frames.lastIndexOf(frame))
  if (task) return task
  throw failure('configuration', 'the run stands at a task that the Workflow does not have', { final: true })
}

function taskAt(standing: Standing, depth: number): TaskPlan | undefined {
  return siblingsAt(standing, depth)[standing.state.frames[depth]?.index ?? -1]
}
