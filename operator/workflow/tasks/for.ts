import { readExpression, readObject, readValue, readVariableName } from '../field.ts'
import type { TaskType } from './task-type.ts'

export const forTask: TaskType = {
  required: ['do'],
  optional: ['while'],
  compile({ main, fields, base }) {
    const loop = readObject(main, { required: ['in'], optional: ['each', 'at'] })
    if (!loop || !fields.do) return undefined
    const each = readVariableName(loop.each, 'item')
    const at = readVariableName(loop.at, 'index')
    if (each === at) return loop.at?.fault('must be another name than each')
    const condition = readExpression(fields.while?.withVariables(each, at))
    const body = fields.do.withVariables(each, at)
    const tasks = body.scope.compileTasks(body, `${base.pointer}/do`)
    const list = Array.isArray(loop.in?.value) ? readValue(loop.in) : readExpression(loop.in)
    if (!list) return undefined
    return { ...base, type: 'for', each, at, in: list, ...(condition ? { while: condition } : {}), do: tasks }
  },
}
