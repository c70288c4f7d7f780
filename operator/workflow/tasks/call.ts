import { didYouMean } from '../../../crds/fault.ts'
import type { TaskPlan } from '../../../runner/plan.ts'
import { definition } from '../definitions.ts'
import { isRecord, readText, readValue, type Field } from '../field.ts'
import { compileHttpCall } from './call-http.ts'
import { compileReplyCall } from './call-reply.ts'
import type { TaskInput, TaskType } from './task-type.ts'

const NOT_YET: ReadonlySet<string> = new Set(['asyncapi', 'grpc', 'openapi', 'a2a', 'mcp', 'kubernetes.job'])
const BUILT_IN: Record<string, (input: TaskInput) => TaskPlan | undefined> = {
  http: compileHttpCall,
  reply: compileReplyCall,
  'reply:1.0.0@default': compileReplyCall,
}

export const callTask: TaskType = {
  optional: ['with'],
  compile(input) {
    const name = readText(input.main)
    if (name === undefined) return undefined
    const { functions } = input.main.scope.definitions
    if (Object.hasOwn(functions, name)) return compileFunctionCall(input, name)
    if (Object.hasOwn(BUILT_IN, name)) return BUILT_IN[name]?.(input)
    if (NOT_YET.has(name)) return input.main.unsupported(`call: ${name} can not be run yet`)
    if (name.includes('@'))
      return input.main.unsupported(`functions of a catalog (${name}) can not be called yet`)
    const known = ['http', 'reply', ...Object.keys(functions)]
    const meant = didYouMean(name, known) || ': it is neither http, reply nor in use.functions'
    return input.main.fault(`calls "${name}", which is not known${meant}`)
  },
}

/** The function's task inside a `do` whose input is the call's `with`. */
function compileFunctionCall({ main, fields, base }: TaskInput, name: string): TaskPlan | undefined {
  const { functions } = main.scope
  if (functions.includes(name)) return main.fault(`calls the function "${name}" from within itself`)
  if (fields.with && !isRecord(fields.with.value))
    return fields.with.fault('must be an object with the arguments')
  const from = readValue(fields.with)
  if (fields.with && !from) return undefined
  const task = compileFunction(definition(main, 'functions', name), name, base.pointer)
  if (!task) return undefined
  if (from && task.input?.from === undefined)
    return { ...base, type: 'do', do: [{ ...task, input: { ...task.input, from } }] }
  // The function changes its input itself: it does so to what the call gives it.
  // oxlint-disable-next-line unicorn/no-thenable -- the standard's name; a text can't be called
  const inner: TaskPlan = { ...task, then: 'continue' }
  if (!from) return { ...base, type: 'do', do: [inner] }
  const given: TaskPlan = {
    name: 'with',
    pointer: `${base.pointer}/with`,
    type: 'set',
    set: from,
    // oxlint-disable-next-line unicorn/no-thenable -- the standard's name; a text can't be called
    then: 'continue',
  }
  return { ...base, type: 'do', do: [given, inner] }
}

/** Compiles a function for one call of it: its pointer begins with the call's, so that two calls differ. */
export function compileFunction(task: Field, name: string, callPointer: string): TaskPlan | undefined {
  const scope = { functions: [...task.scope.functions, name] }
  return task.scope.compileTask(task.in(scope), { name, pointer: `${callPointer}/${name}`, siblings: [] })
}
