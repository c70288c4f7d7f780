import type { SwitchTask } from '../../../runner/plan.ts'
import { isRecord, readExpression, readObject, type Field } from '../field.ts'
import type { TaskType } from './task-type.ts'
import { readThen } from './then.ts'

type Case = SwitchTask['cases'][number]

export const switchTask: TaskType = {
  compile({ main, base, siblings }) {
    if (!Array.isArray(main.value) || main.value.length === 0) {
      return main.fault('must be a list of cases, each a name with {when, then}')
    }
    const items = main.value.map((item: unknown, index) => main.child(index, item))
    const cases = items.map((item) => readCase(item, siblings))
    const names = new Set<string>()
    for (const [index, found] of cases.entries()) {
      if (!found) continue
      if (names.has(found.name))
        items[index]?.fault(`is the second case with the name "${found.name}": rename one`)
      names.add(found.name)
      if (found.when === undefined && index < cases.length - 1 && !hasWhen(items[index])) {
        items[index]?.fault('has no when, so that the cases after it are never reached: move it to the end')
      }
    }
    return { ...base, type: 'switch', cases: cases.filter((found) => found !== undefined) }
  },
}

/** One case: a map of its name to `{when, then}`. */
function readCase(item: Field, siblings: readonly string[]): Case | undefined {
  const entries = isRecord(item.value) ? Object.entries(item.value) : []
  const [entry] = entries
  if (!entry || entries.length > 1) return item.fault('must be one case: a name with {when, then}')
  const [name, value] = entry
  const fields = readObject(item.child(name, value), { required: ['then'], optional: ['when'] })
  if (!fields) return undefined
  const when = readExpression(fields.when)
  // oxlint-disable-next-line unicorn/no-thenable -- the standard's name; a text can't be called
  return { name, ...(when ? { when } : {}), then: readThen(fields.then, siblings) }
}

/** Whether the case has a condition, even one with a fault. */
function hasWhen(item: Field | undefined): boolean {
  return (
    isRecord(item?.value) && Object.values(item.value).some((value) => isRecord(value) && 'when' in value)
  )
}
