import type { CatchPlan, ErrorFilter } from '../../../runner/plan.ts'
import { readExpression, readInteger, readObject, readText, readVariableName, type Field } from '../field.ts'
import { readRetry } from '../retries.ts'
import type { TaskType } from './task-type.ts'

export const tryTask: TaskType = {
  required: ['catch'],
  compile({ main, fields, base }) {
    const tasks = main.scope.compileTasks(main, `${base.pointer}/try`)
    const handler = fields.catch && readCatch(fields.catch, `${base.pointer}/catch`)
    return handler && { ...base, type: 'try', try: tasks, catch: handler }
  },
}

function readCatch(field: Field, pointer: string): CatchPlan | undefined {
  const fields = readObject(field, {
    optional: ['errors', 'as', 'when', 'exceptWhen', 'retry', 'do', 'then'],
  })
  if (!fields) return undefined
  if (fields.then)
    fields.then.unsupported(
      'catch.then can not be run yet: put then on a task in catch.do, or on the try task',
    )
  const as = readVariableName(fields.as, 'error')
  const errors = readErrors(fields.errors)
  const when = readExpression(fields.when?.withVariables(as))
  const exceptWhen = readExpression(fields.exceptWhen?.withVariables(as))
  const retry = readRetry(fields.retry?.withVariables(as))
  const handler = fields.do?.withVariables(as)
  const tasks = handler?.scope.compileTasks(handler, `${pointer}/do`)
  return {
    ...(errors ? { errors } : {}),
    as,
    ...(when ? { when } : {}),
    ...(exceptWhen ? { exceptWhen } : {}),
    ...(retry ? { retry } : {}),
    ...(tasks ? { do: tasks } : {}),
  }
}

/** `errors.with`: literal values that the error must equal. */
function readErrors(field: Field | undefined): ErrorFilter | undefined {
  const filter = field && readObject(field, { required: ['with'] })?.with
  const fields = filter && readObject(filter, { optional: ['type', 'status', 'instance', 'title', 'detail'] })
  if (!filter || !fields) return undefined
  if (Object.keys(fields).length === 0)
    return filter.fault('must have one of type, status, instance, title and detail')
  const result: ErrorFilter = {}
  const status = readInteger(fields.status, 100, 599)
  if (status !== undefined) result.status = status
  for (const name of ['type', 'instance', 'title', 'detail'] as const) {
    const text = readText(fields[name])
    if (text?.includes('${')) fields[name]?.fault('must be literal: use catch.when for expressions')
    else if (text !== undefined) result[name] = text
  }
  return result
}
