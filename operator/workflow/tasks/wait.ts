import { readDuration } from '../durations.ts'
import type { TaskType } from './task-type.ts'

export const waitTask: TaskType = {
  compile({ main, base }) {
    const wait = readDuration(main)
    return wait && { ...base, type: 'wait', wait }
  },
}
