import { closest, didYouMean } from '../../crds/fault.ts'
import type { TaskBase, TaskPlan } from '../../runner/plan.ts'
import { readInput, readOutput } from './data-flow.ts'
import { readTimeout } from './durations.ts'
import {
  isRecord,
  list,
  readExpression,
  readObject,
  type Field,
  type Fields,
  type TaskPlace,
} from './field.ts'
import { TASK_TYPES } from './tasks/registry.ts'
import { DIRECTIVES, TASK_KEYS, type TaskKey, type TaskType } from './tasks/task-type.ts'
import { readThen } from './tasks/then.ts'

/** What every task may have. */
const COMMON_KEYS = ['if', 'input', 'output', 'export', 'timeout', 'then', 'metadata'] as const

/** Deeper nesting, or longer lists, are mistakes or attacks. */
const MAX_DEPTH = 20
const MAX_TASKS = 200
const MAX_TASKS_IN_ALL = 2000
const MAX_NAME_LENGTH = 253

/** Compiles a list of tasks; those with faults are left out, and the faults reported. */
export function compileTasks(field: Field, pointer: string): TaskPlan[] {
  const { value, scope } = field
  if (!Array.isArray(value) || value.length === 0) {
    field.fault('must be a list of tasks, each a map of one name to one task')
    return []
  }
  if (value.length > MAX_TASKS) field.fault(`must have at most ${MAX_TASKS} tasks`)
  if (scope.depth >= MAX_DEPTH) field.fault(`nests deeper than ${MAX_DEPTH} lists of tasks`)
  if (value.length > MAX_TASKS || scope.depth >= MAX_DEPTH) return []
  const items = value.map((item: unknown, index) => field.child(index, item).in({ depth: scope.depth + 1 }))
  const siblings = namesOf(items)
  return items.flatMap((item, index) => {
    const entries = isRecord(item.value) ? Object.entries(item.value) : []
    const [entry] = entries
    if (!entry || entries.length > 1) {
      item.fault(`must be one task under its name${entries.length > 1 ? ': begin each with "-"' : ''}`)
      return []
    }
    const [name, task] = entry
    const place = { name, pointer: `${pointer}/${index}/${escapePointer(name)}`, siblings }
    return compileTask(item.child(name, task), place) ?? []
  })
}

const escapePointer = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

function namesOf(items: Field[]): string[] {
  const names = new Set<string>()
  for (const item of items) {
    const [name] = isRecord(item.value) ? Object.keys(item.value) : []
    if (name === undefined) continue
    const task = item.child(name, undefined)
    if (name === '' || name.length > MAX_NAME_LENGTH)
      task.fault(`must have a name of 1 to ${MAX_NAME_LENGTH} characters`)
    if ((DIRECTIVES as readonly string[]).includes(name))
      task.fault('has a name that means something else after then: rename it')
    if (names.has(name)) task.fault('has the name of another task of this list: rename one')
    names.add(name)
  }
  return [...names]
}

/** Picks the rules by the task's key. */
export function compileTask(task: Field, place: TaskPlace): TaskPlan | undefined {
  const { report } = task.scope
  report.tasks += 1
  if (report.tasks > MAX_TASKS_IN_ALL) {
    // Functions that call functions grow fast; said once.
    if (report.tasks > MAX_TASKS_IN_ALL + 1) return undefined
    return task.fault(
      `is one task too many: a Workflow has at most ${MAX_TASKS_IN_ALL}, with those of the functions it calls`,
    )
  }
  if (!isRecord(task.value)) return task.fault(`must be an object with one of ${list(TASK_KEYS)}`)
  const key = typeOf(task, Object.keys(task.value))
  if (key === undefined) return undefined
  const type: TaskType = TASK_TYPES[key]
  const fields = readObject(task, {
    required: [key, ...(type.required ?? [])],
    optional: [...(type.optional ?? []), ...COMMON_KEYS],
  })
  const main = fields?.[key]
  if (!fields || !main) return undefined
  const base = readBase(fields, place)
  return type.compile({ main, task, fields, base, siblings: place.siblings })
}

/**
 * What the task does, told by its keys. `do` names the type only when no other key does: a `for` has one,
 * too.
 */
function typeOf(task: Field, keys: string[]): TaskKey | undefined {
  const named = TASK_KEYS.filter((key) => keys.includes(key))
  const [first, second] = named.filter((key) => key !== 'do' || named.length === 1)
  if (second !== undefined) {
    return task.fault(`has both ${first} and ${second}, but a task does one thing: make two tasks of it`)
  }
  // `do` belongs to `for`; with any other key it is a second thing to do.
  if (first !== undefined && first !== 'for' && first !== 'do' && keys.includes('do')) {
    return task.fault(`has both ${first} and do, but a task does one thing: make two tasks of it`)
  }
  if (first === 'do' && keys.includes('while')) {
    return task.fault('has while, but no for: give it for: {in: …}')
  }
  if (first !== undefined) return first
  const typo = keys.find(
    (key) => closest(key, TASK_KEYS) !== undefined && !(COMMON_KEYS as readonly string[]).includes(key),
  )
  if (typo !== undefined) {
    return task.child(typo, undefined).fault(`is not a kind of task${didYouMean(typo, TASK_KEYS)}`)
  }
  return task.fault(`does not say what to do: give it one of ${list(TASK_KEYS)}`)
}

function readBase(fields: Fields, { name, pointer, siblings }: TaskPlace): TaskBase {
  const condition = readExpression(fields.if)
  const input = readInput(fields.input)
  const output = readOutput(fields.output)
  const exported = readOutput(fields.export)
  const timeout = readTimeout(fields.timeout)
  return {
    name,
    pointer,
    ...(condition ? { if: condition } : {}),
    ...(input ? { input } : {}),
    ...(output ? { output } : {}),
    ...(exported ? { export: exported } : {}),
    ...(timeout ? { timeout } : {}),
    // oxlint-disable-next-line unicorn/no-thenable -- the standard's name; a text can't be called
    then: readThen(fields.then, siblings),
  }
}
