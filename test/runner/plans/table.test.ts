import { describe, expect, test } from '@jest/globals'
import type { Plan } from '../../../runner/plan.ts'
import { createPlanTable } from '../../../runner/plans/table.ts'

function plan(generation: number, change: Partial<Plan> = {}): Plan {
  return {
    version: 1,
    namespace: 'shop',
    name: 'ship',
    uid: 'first',
    generation,
    suspended: false,
    triggers: [{ webhook: 'orders' }],
    globals: {},
    secrets: {},
    document: { name: 'ship', namespace: 'shop', version: `0.0.${generation}`, dsl: '1.0.3' },
    do: [],
    ...change,
  }
}

const ref = (generation: number, uid = 'first') => ({ namespace: 'shop', name: 'ship', uid, generation })

describe('what was accepted for a Workflow is started by', () => {
  test('its plan of that generation or a later one, and no earlier one', () => {
    const table = createPlanTable()
    table.put(plan(2))
    expect(table.startable(ref(2))).toEqual(plan(2))
    expect(table.startable(ref(1))).toEqual(plan(2))
    expect(table.startable(ref(3))).toBeUndefined()
  })

  test('no plan of another Workflow of its name', () => {
    const table = createPlanTable()
    table.put(plan(5, { uid: 'second' }))
    expect(table.startable(ref(1))).toBeUndefined()
  })
})

describe('a run is bound to', () => {
  test('its generation, also when the Workflow was edited since', () => {
    const table = createPlanTable()
    table.put(plan(1))
    table.put(plan(2))
    expect(table.find(ref(1), 1)).toEqual(plan(1))
    expect(table.find(ref(1), 2)).toEqual(plan(2))
  })

  test('its own Workflow: deleted and made again, generation 1 is another one', () => {
    const table = createPlanTable()
    table.put(plan(1))
    table.put(plan(1, { uid: 'second' }))
    expect(table.find(ref(1), 1)).toBeUndefined()
    expect(table.find(ref(1, 'second'), 1)).toEqual(plan(1, { uid: 'second' }))
  })
})

test('a plan that comes late does not take the place of a later one', () => {
  const table = createPlanTable()
  table.put(plan(2))
  table.put(plan(1, { triggers: [{ webhook: 'former' }] }))
  expect(table.current(ref(1))).toEqual(plan(2))
  expect(table.triggeredBy('shop', 'former')).toEqual([])
})

describe('the source is asked', () => {
  test('for what the table does not know yet, and gives the plan as it stands now', async () => {
    const table = createPlanTable({ read: () => Promise.resolve(plan(3)) })
    expect(await table.confirm(ref(2))).toEqual(plan(3))
    // What starts runs is told by following alone: what was read may be gone again.
    expect(table.triggeredBy('shop', 'orders')).toEqual([])
  })

  test('and says that the Workflow is gone, be it that another one has its name', async () => {
    const gone = createPlanTable({ read: () => Promise.resolve(undefined) })
    gone.put(plan(1))
    expect(await gone.confirm(ref(1))).toBeUndefined()
    const another = createPlanTable({ read: () => Promise.resolve(plan(9, { uid: 'second' })) })
    expect(await another.confirm(ref(1))).toBeUndefined()
  })

  test('once by all who ask at the same time, and again afterwards', async () => {
    let reads = 0
    const table = createPlanTable({
      read: (name) => {
        expect(name).toMatchObject({ namespace: 'shop', name: 'ship' })
        reads += 1
        return Promise.resolve(plan(reads))
      },
    })
    const found = await Promise.all([table.confirm(ref(1)), table.confirm(ref(1))])
    expect(found.map((one) => one?.generation)).toEqual([1, 1])
    expect((await table.confirm(ref(1)))?.generation).toBe(2)
  })

  test('and what it can not tell is no answer', async () => {
    let away = true
    const table = createPlanTable({
      read: () => (away ? Promise.reject(new Error('away')) : Promise.resolve(plan(1))),
    })
    await expect(table.confirm(ref(1))).rejects.toThrow('away')
    away = false
    expect(await table.confirm(ref(1))).toEqual(plan(1))
  })

  test('nobody is asked where the table is all there is', async () => {
    const table = createPlanTable()
    expect(await table.confirm(ref(1))).toBeUndefined()
    table.put(plan(1))
    expect(await table.confirm(ref(4))).toEqual(plan(1))
  })
})
