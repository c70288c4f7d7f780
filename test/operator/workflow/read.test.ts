import { expect, test } from '@jest/globals'
import * as fc from 'fast-check'
import type { Workflow } from '../../../crds/types.gen.ts'
import { readWorkflow } from '../../../operator/workflow/read.ts'
import { TASK_KEYS } from '../../../operator/workflow/tasks/task-type.ts'

const workflow = (tasks: unknown[], use?: unknown): Workflow => ({
  apiVersion: 'hooklet.dev/v1alpha1',
  kind: 'Workflow',
  metadata: { name: 'ship' },
  spec: {
    triggers: [{ webhook: 'orders' }],
    suspend: false,
    do: tasks as Workflow['spec']['do'],
    ...(use === undefined ? {} : { use: use as NonNullable<Workflow['spec']['use']> }),
  },
})

const found = (tasks: unknown[], use?: unknown): number => {
  const { faults, unsupported } = readWorkflow(workflow(tasks, use)).report
  return faults.length + unsupported.length
}

test('whatever stands in a task, it is reported and nothing throws', () => {
  const task = fc.dictionary(
    fc.constantFrom(
      ...TASK_KEYS,
      'with',
      'catch',
      'while',
      'if',
      'input',
      'output',
      'export',
      'timeout',
      'then',
      'foreach',
      'x',
    ),
    fc.jsonValue({ maxDepth: 4 }),
    { maxKeys: 4 },
  )
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), task, { maxKeys: 2 }), { maxLength: 3 }),
      fc.jsonValue(),
      (tasks, use) => {
        readWorkflow(workflow(tasks, use))
      },
    ),
    { numRuns: 500 },
  )
})

test('a misspelt key of a task is one fault', () => {
  const task = {
    call: 'http',
    with: { method: 'get', endpoint: 'http://stock' },
    // oxlint-disable-next-line unicorn/no-thenable -- the standard's name; a text can't be called
    then: 'end',
    timeout: { after: 'PT1S' },
  }
  for (const key of Object.keys(task)) {
    const misspelt = Object.fromEntries(
      Object.entries(task).map(([name, value]) => [name === key ? `${name}x` : name, value]),
    )
    expect({ key, faults: found([{ a: misspelt }]) }).toEqual({ key, faults: 1 })
  }
  expect(found([{ a: task }])).toBe(0)
})

test('lists of tasks nest at most 20 deep', () => {
  const nest = (depth: number): unknown =>
    depth === 0 ? { call: 'reply' } : { do: [{ a: nest(depth - 1) }] }
  expect(found([{ a: nest(19) }])).toBe(0)
  expect(found([{ a: nest(20) }])).toBe(1)
  expect(found([{ a: nest(2000) }])).toBe(1)
})

test('functions that call functions many times over are bounded', () => {
  // Each calls the next twice: without a bound, two to the power of 40 tasks.
  const functions = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `f${index}`,
      index === 39
        ? { call: 'reply' }
        : { do: [{ a: { call: `f${index + 1}` } }, { b: { call: `f${index + 1}` } }] },
    ]),
  )
  expect(found([{ a: { call: 'f0' } }], { functions })).toBeGreaterThan(0)
})
