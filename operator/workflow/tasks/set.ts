import { isRecord, readValue } from '../field.ts'
import type { TaskType } from './task-type.ts'

export const setTask: TaskType = {
  compile({ main, base }) {
    const { value } = main
    const expression = typeof value === 'string' && value.includes('${')
    if (!expression && !(isRecord(value) && Object.keys(value).length > 0)) {
      return main.fault('must be an object with at least one member, or an expression in ${ }')
    }
    const set = readValue(main)
    return set && { ...base, type: 'set', set }
  },
}
