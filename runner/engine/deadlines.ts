import type { Clock } from '../../state/clock.ts'
import { failure } from '../run/problem.ts'
import type { RunState } from '../run/run-state.ts'

/**
 * Leaves behind what takes longer than it may: the outermost limit that is over decides.
 * @throws {WorkflowError} timeout, when one is over; the task whose limit it is, is the last frame then.
 */
export function checkDeadlines(runState: RunState, clock: Pick<Clock, 'now'>): void {
  // Most runs have none.
  if (nearestDeadline(runState) === Infinity) return
  const { frames, deadline, phase } = runState
  const now = clock.now()
  if (deadline !== undefined && now >= deadline && phase === 'running' && frames.length > 0) {
    frames.length = 0
    throw failure('timeout', "the workflow's timeout is over", { final: true })
  }
  for (const [depth, frame] of frames.entries()) {
    if (frame.deadline !== undefined && now >= frame.deadline) {
      frames.length = depth + 1
      throw failure('timeout', "the task's timeout is over")
    }
    if (frame.attemptDeadline !== undefined && now >= frame.attemptDeadline && frames.length > depth + 1) {
      frames.length = depth + 2
      throw failure('timeout', "the attempt's time is over")
    }
  }
}

/** When the first of the limits around the task at work is over; Infinity when it has none. */
export function nearestDeadline({ frames, deadline = Infinity }: RunState): number {
  let nearest = deadline
  for (const frame of frames)
    nearest = Math.min(nearest, frame.deadline ?? Infinity, frame.attemptDeadline ?? Infinity)
  return nearest
}
