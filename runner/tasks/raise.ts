import { WorkflowError, failure } from '../run/problem.ts'
import type { RaiseTask } from '../plan.ts'
import type { TaskType } from './task.ts'

export const raiseTask: TaskType<RaiseTask> = {
  async begin(at) {
    const { task, frame } = at
    const read = async (name: keyof RaiseTask['error']): Promise<string | undefined> => {
      const value = task.error[name]
      const result = value === undefined ? null : await at.evaluate(value, frame.input)
      if (result === null) return undefined
      return typeof result === 'string' ? result : JSON.stringify(result)
    }
    const type = await read('type')
    const status = Number(await read('status'))
    if (type === undefined) throw failure('validation', 'the type of the error to raise is null')
    if (!Number.isInteger(status))
      throw failure('validation', 'the status of the error to raise is not a whole number')
    const title = (await read('title')) ?? type
    const detail = await read('detail')
    const instance = await read('instance')
    throw new WorkflowError({
      type,
      status,
      title,
      ...(detail === undefined ? {} : { detail }),
      ...(instance === undefined ? {} : { instance }),
    })
  },
}
