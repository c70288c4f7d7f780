import { didYouMean } from '../../../crds/fault.ts'
import { list, type Field } from '../field.ts'
import { DIRECTIVES } from './task-type.ts'

/** Where to go on; `continue` when nothing is said. */
export function readThen(field: Field | undefined, siblings: readonly string[]): string {
  if (!field) return 'continue'
  const { value } = field
  const targets = [...DIRECTIVES, ...siblings]
  if (typeof value === 'string' && targets.includes(value)) return value
  if (typeof value !== 'string')
    field.fault('must be continue, exit, end or the name of a task of the same list')
  else if (didYouMean(value, targets))
    field.fault(`goes to "${value}", which is no task of this list${didYouMean(value, targets)}`)
  else
    field.fault(
      `goes to "${value}", which is no task of this list: there are ${list(targets.slice(0, MAX_NAMES))}`,
    )
  return 'continue'
}

const MAX_NAMES = 12
