import { afterAll, describe, expect, test } from '@jest/globals'
import { rememberChecks } from '../../../operator/control/checked.ts'
import { completeConditions, statusPatch, type Condition } from '../../../operator/control/status.ts'
import type { Expressions } from '../../../runner/expression/expression.ts'
import { createExpressionPool } from '../../../runner/expression/pool.ts'

const ready: Condition = {
  type: 'Ready',
  status: 'True',
  reason: 'Serving',
  message: 'All is well.',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  observedGeneration: 1,
}
const later = { generation: 2, now: Date.parse('2026-02-02T02:02:02.222Z') }

describe('conditions', () => {
  test('keep their time while their status stays, and have a new one when it changes', () => {
    const draft = { type: 'Ready', status: 'True', reason: 'Paused', message: 'm' } as const
    expect(completeConditions([draft], [ready], later)).toEqual([
      { ...draft, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 2 },
    ])
    const failed = { ...draft, status: 'False' } as const
    expect(completeConditions([failed], [ready], later)[0]?.lastTransitionTime).toBe('2026-02-02T02:02:02Z')
    expect(completeConditions([draft], undefined, later)[0]?.lastTransitionTime).toBe('2026-02-02T02:02:02Z')
  })
})

describe('a status', () => {
  test('that is as wanted is not written', () => {
    const former = { url: 'u', workflows: [], conditions: [ready], observedGeneration: 1 }
    expect(statusPatch(former, structuredClone(former))).toBeUndefined()
    expect(statusPatch(former, { ...former, note: undefined })).toBeUndefined()
  })

  test('loses what is no longer so', () => {
    expect(statusPatch({ url: 'u', workflows: ['a'] }, { workflows: ['b'] })).toEqual({
      url: null,
      workflows: ['b'],
    })
    expect(statusPatch(undefined, { workflows: [] })).toEqual({ workflows: [] })
  })
})

describe('checks of expressions', () => {
  const pool = createExpressionPool()
  afterAll(() => pool.close())

  test('are made once for each program, and tell the same each time', async () => {
    const asked: string[] = []
    const counting: Expressions = {
      ...pool,
      check(programs) {
        asked.push(...programs.map(({ jq }) => jq))
        return pool.check(programs)
      },
    }
    const { check } = rememberChecks(counting)
    const good = { jq: '.a', variables: [] }
    const bad = { jq: '.a | nonsense', variables: [] }
    const [first, second] = [await check([good, bad, good]), await check([bad])]
    expect(first).toEqual([undefined, expect.stringContaining('nonsense'), undefined])
    expect(second).toEqual([first[1]])
    expect(asked).toEqual(['.a', '.a | nonsense'])
  })

  test('that could not be made are made again', async () => {
    let fails = true
    const flaky: Expressions = {
      ...pool,
      check: (programs) => (fails ? Promise.reject(new Error('away')) : pool.check(programs)),
    }
    const { check } = rememberChecks(flaky)
    await expect(check([{ jq: '.a', variables: [] }])).rejects.toThrow('away')
    fails = false
    expect(await check([{ jq: '.a', variables: [] }])).toEqual([undefined])
  })
})
