import { describe, expect, test } from '@jest/globals'
import { ExpressionError } from '../../../runner/expression/expression.ts'
import { createExpressionPool } from '../../../runner/expression/pool.ts'
import { compileExpression } from '../../../runner/expression/template.ts'

describe('native evaluation', () => {
  test('needs no worker: it goes on where no program may wait for one', async () => {
    const pool = createExpressionPool({ maxQueue: 0 })
    const greeting = compileExpression('"Hello, \\(.name // "you")!"')
    expect(await pool.evaluate(greeting, { name: 'Ada' }, {})).toBe('Hello, Ada!')
    expect(await pool.evaluate(greeting, {}, {})).toBe('Hello, you!')
    const regex = compileExpression('.name | test("A")')
    await expect(pool.evaluate(regex, { name: 'Ada' }, {})).rejects.toThrow('too many expressions wait')
    await pool.close()
  })

  test('leaves errors to jq, which says them in its own words, and what is over the bounds', async () => {
    const pool = createExpressionPool({ maxOutput: 1000, timeLimitMs: 20_000 })
    try {
      const evaluation = pool.evaluate(compileExpression('.name + 1'), { name: 'Ada' }, {})
      await expect(evaluation).rejects.toThrow(ExpressionError)
      await expect(evaluation).rejects.toThrow('string ("Ada") and number (1) cannot be added')
      const large = pool.evaluate(compileExpression('[., .]'), 'x'.repeat(600), {})
      await expect(large).rejects.toThrow('the output is larger than 1000 characters')
      expect(await pool.evaluate(compileExpression('.a? // "none"'), 'text', {})).toBe('none')
    } finally {
      await pool.close()
    }
  })

  test('lets others have the event loop in between', async () => {
    const pool = createExpressionPool()
    const program = compileExpression('. + 1')
    let turns = 0
    let next = setImmediate(function count() {
      turns += 1
      next = setImmediate(count)
    })
    let sum = 0
    while (sum < 2000) sum = (await pool.evaluate(program, sum, {})) as number
    clearImmediate(next)
    expect(turns).toBeGreaterThan(5)
    await pool.close()
  })
})
