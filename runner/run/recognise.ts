import { CheckpointTooLarge, StateUnavailable } from '../../state/state.ts'
import { ExpressionError } from '../expression/expression.ts'
import { WorkflowError, failure } from './problem.ts'
import type { Problem } from './problem.ts'
import { Fenced, Halted } from './run.ts'
import type { Machinery } from './run.ts'

/**
 * What an exception is to the run: an error of the workflow at `pointer`. What ends the work of this runner
 * on the run, and not the run, is thrown on. A fault of ours fails the run as a runtime error, and is
 * reported.
 */
export function asProblem(
  error: unknown,
  pointer: string,
  { onFault }: Pick<Machinery, 'onFault'>,
): { problem: Problem; final: boolean } {
  if (error instanceof Fenced || error instanceof Halted || error instanceof StateUnavailable) throw error
  const raised = recognise(error)
  if (raised === undefined) onFault(error)
  const { problem, final } = raised ?? failure('runtime', 'the runner has a fault; its log tells more')
  const { type, status, title, detail, instance } = problem
  return {
    problem: {
      type,
      status,
      title,
      ...(detail === undefined ? {} : { detail }),
      instance: instance ?? pointer,
    },
    final,
  }
}

function recognise(error: unknown): WorkflowError | undefined {
  if (error instanceof WorkflowError) return error
  // A task that catches it would have to be stored, too.
  if (error instanceof CheckpointTooLarge)
    return failure('runtime', 'the run holds more than the 8 MiB that are kept of one', { final: true })
  return error instanceof ExpressionError ? failure('expression', error.message) : undefined
}
