import { afterAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Json } from '../../../state/event.ts'
import { ExpressionError } from '../../../runner/expression/expression.ts'
import { createJq } from '../../../runner/expression/jq.ts'
import { compileExpression, compileValue } from '../../../runner/expression/template.ts'

const LIMIT = 400
const pool = createJq({ workers: 2, timeLimitMs: LIMIT, maxOutput: 10_000 })
afterAll(() => pool.close())

const evaluate = (text: string, input: Json = null, variables: Record<string, Json> = {}): Promise<Json> =>
  pool.evaluate(compileExpression(text), input, variables)

describe('values', () => {
  const input = { a: [1, 2], body: { name: 'Ada' } }
  const cases: [program: string, output: Json][] = [
    ['.body.name', 'Ada'],
    ['"Hello, \\(.body.name // "you")!"', 'Hello, Ada!'],
    ['empty', null],
    ['.none', null],
    ['[.a[] * 2]', [2, 4]],
    ['$v.x + 1', 3],
    ['.a | length == 2 # two', true],
    ['nan', null],
    ['"\\u0000é\u{1F600}"', '\0é\u{1F600}'],
    ['def f($x): $x * 2; f(4)', 8],
  ]
  test.each(cases)('%s', async (program, output) => {
    expect(await evaluate(program, input, { v: { x: 2 } })).toEqual(output)
  })

  test('a template is one program', async () => {
    const value = compileValue({ '"\\(1)': ['${ .a }', 'x', '${ empty }'], b: '${ $v }' })
    if (!('jq' in value)) throw new Error('expected a program')
    expect(await pool.evaluate(value, { a: 1 }, { v: null })).toEqual({ '"\\(1)': [1, 'x', null], b: null })
  })

  test('any JSON comes back as it went in, half surrogate pairs replaced', async () => {
    const json = fc.jsonValue({ maxDepth: 4 })
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const expected = JSON.parse(JSON.stringify(value)) as Json
        expect(await evaluate('[., $v]', expected, { v: expected })).toEqual([expected, expected])
      }),
      { numRuns: 50 },
    )
    expect(await evaluate('.', { '\ud800a': ['\udc00'] })).toEqual({ '\ufffda': ['\ufffd'] })
  })
})

test('an answer that came in time counts, however late this thread hears of it', async () => {
  await evaluate('1')
  const evaluation = evaluate('"abc" | test("b")')
  const end = performance.now() + 3 * LIMIT
  let turns = 0
  while (performance.now() < end) turns += 1
  expect(turns).toBeGreaterThan(0)
  expect(await evaluation).toBe(true)
})

describe('errors', () => {
  test.each([
    ['.a', 'Cannot index string'],
    ['error("mine")', 'mine'],
    ['1, 2', 'more than one value: wrap it in [ ]'],
    ['1 +', 'syntax error'],
    ['"x" * 20000', 'larger than 10000 characters'],
    ['reduce range(300) as $i (1; [.])', 'nests more than 200 deep'],
  ])('%s', async (program, message) => {
    const evaluation = evaluate(program, 'text')
    await expect(evaluation).rejects.toThrow(ExpressionError)
    await expect(evaluation).rejects.toThrow(message)
  })

  test('a field of a template that gives several values is named', async () => {
    const value = compileValue({ b: ['${ .[] }'] }, { field: 'set' })
    if (!('jq' in value)) throw new Error('expected a program')
    await expect(pool.evaluate(value, [1, 2], {})).rejects.toThrow(
      'the expression at set.b[0] gives more than one value: wrap it in [ ]',
    )
  })

  test('input that nests too deep', async () => {
    let deep: Json = null
    for (let level = 0; level < 100_000; level++) deep = [deep]
    await expect(evaluate('.', deep)).rejects.toThrow(ExpressionError)
  })
})

describe('a runaway expression ends within its bound while others are answered', () => {
  test.each([
    '[range(1e9)]',
    'def f: f; f',
    'def f: 1 + f; f',
    '"x" * 1e9',
    '[limit(1e9; repeat(1))] | length',
    'reduce range(60) as $i ([1]; [., .])',
    'reduce range(100000) as $i (1; [.]) | tojson',
    '("a" * 40) + "b" | test("^(a+)+$")',
    'last(range(1e12))',
    '[paths] | until(false; . + .)',
  ])('%s', async (program) => {
    const runaway = expect(evaluate(program)).rejects.toThrow(ExpressionError)
    const others = await Promise.all([1, 2, 3].map((n) => evaluate(`. + ${n}`, 1)))
    expect(others).toEqual([2, 3, 4])
    await runaway
    expect(await evaluate('"still here"')).toBe('still here')
  })
})

test('check compiles without running', async () => {
  const programs = ['.a', '$b | c', '.a +', 'def f: f; f', '$x.y'].map((text) => compileExpression(text))
  expect(await pool.check(programs)).toEqual([
    undefined,
    'c/0 is not defined',
    expect.stringContaining('syntax error'),
    undefined,
    undefined,
  ])
})

test('the queue is bounded, and close ends what waits', async () => {
  const small = createJq({ workers: 1, timeLimitMs: 60_000, maxQueue: 2 })
  const program = compileExpression('def f: f; f')
  const waiting = [1, 2].map(() => expect(small.evaluate(program, null, {})).rejects.toThrow('stopped'))
  await expect(small.evaluate(program, null, {})).rejects.toThrow('too many expressions wait')
  await small.close()
  await Promise.all(waiting)
  await expect(small.evaluate(program, null, {})).rejects.toThrow('stopped')
})
