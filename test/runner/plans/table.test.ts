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

const noFormer = { readFormer: () => Promise.resolve(undefined) }
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
    const table = createPlanTable({ read: () => Promise.resolve(plan(3)), ...noFormer })
    expect(await table.confirm(ref(2))).toEqual(plan(3))
    // What starts runs is told by following alone: what was read may be gone again.
    expect(table.triggeredBy('shop', 'orders')).toEqual([])
  })

  test('and says that the Workflow is gone, be it that another one has its name', async () => {
    const gone = createPlanTable({ read: () => Promise.resolve(undefined), ...noFormer })
    gone.put(plan(1))
    expect(await gone.confirm(ref(1))).toBeUndefined()
    const another = createPlanTable({ read: () => Promise.resolve(plan(9, { uid: 'second' })), ...noFormer })
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
      ...noFormer,
    })
    const found = await Promise.all([table.confirm(ref(1)), table.confirm(ref(1))])
    expect(found.map((one) => one?.generation)).toEqual([1, 1])
    expect((await table.confirm(ref(1)))?.generation).toBe(2)
  })

  test('and what it can not tell is no answer', async () => {
    let away = true
    const table = createPlanTable({
      read: () => (away ? Promise.reject(new Error('away')) : Promise.resolve(plan(1))),
      ...noFormer,
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

describe('a run that wakes in a process that never knew its generation', () => {
  /** A source where the Workflow stands at generation 3, and generation 1 is kept. */
  function source(present: Plan | undefined) {
    const asked: string[] = []
    return {
      asked,
      read: () => {
        asked.push('present')
        return Promise.resolve(present)
      },
      readFormer: ({ uid, generation }: { uid: string; generation: number }) => {
        asked.push(`${uid} ${generation}`)
        return Promise.resolve(uid === 'first' && generation === 1 ? plan(1) : undefined)
      },
    }
  }

  test('gets the plan that is kept of it, which starts nothing, and is asked for once', async () => {
    const from = source(plan(3))
    const table = createPlanTable(from)
    table.put(plan(3))
    expect(await Promise.all([table.bound(ref(1)), table.bound(ref(1))])).toEqual([plan(1), plan(1)])
    expect(await table.bound(ref(1))).toEqual(plan(1))
    expect(from.asked).toEqual(['present', 'first 1'])
    expect(table.triggeredBy('shop', 'orders')).toEqual([plan(3)])
  })

  test('gets the present one when only this process is late', async () => {
    const from = source(plan(3))
    expect(await createPlanTable(from).bound(ref(3))).toEqual(plan(3))
    expect(from.asked).toEqual(['present'])
  })

  test.each([
    ['is no longer kept', plan(3), ref(2)],
    ['is of a Workflow that is gone', undefined, ref(1)],
    ['is of a Workflow whose name another one has', plan(1, { uid: 'second' }), ref(1)],
  ])('gets none that %s', async (_, present, asked) => {
    expect(await createPlanTable(source(present)).bound(asked)).toBeUndefined()
  })

  test('learns nothing while the source is away', async () => {
    const away = (): Promise<never> => Promise.reject(new Error('away'))
    await expect(createPlanTable({ read: away, readFormer: away }).bound(ref(1))).rejects.toThrow('away')
  })
})
