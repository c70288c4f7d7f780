import { describe, expect, test } from '@jest/globals'
import type { Json } from '../../../state/event.ts'
import { ExpressionError } from '../../../runner/expression/expression.ts'
import { RUNTIME_VARIABLES, compileExpression, compileValue } from '../../../runner/expression/template.ts'

describe('compileValue', () => {
  test.each<[Json]>([
    [null],
    [1],
    ['text'],
    ['$5 {'],
    [['a', { b: 'c' }]],
    [{ a: { b: [1, true, null] } }],
    [''],
  ])('%j is what it says', (value) => {
    expect(compileValue(value)).toEqual({ literal: value })
  })

  test('a text that is an expression is that program', () => {
    expect(compileValue('${ .a + $input.b }')).toEqual({ jq: '.a + $input.b', variables: ['input'] })
    expect(compileValue(' ${ {a: {b: 1}} } \n')).toEqual({ jq: '{a: {b: 1}}', variables: [] })
  })

  test('an object with expressions is one program', () => {
    const value = compileValue(
      { 'a"\\(1)': ['${ .x }', 1, 'y'], b: { c: '${ $globals.G }' } },
      { field: 'set' },
    )
    expect(value).toEqual({
      jq: expect.stringMatching(
        /\{"a\\"\\\\\(1\)": \[only\(\.x; "set\..+\[0\]"\), 1, "y"\], "b": \{"c": only\(\$globals\.G; "set\.b\.c"\)\}\}$/,
      ),
      variables: ['globals'],
    })
  })

  test.each([
    ['Bearer ${ $globals.TOKEN }', 'an expression is the whole text'],
    ['${ .a }-${ .b }', '} closes nothing'],
    ['${ .a ', 'an expression is the whole text'],
    ['${ }', 'the expression is empty'],
    ['${ .a) | (.b }', ') closes nothing'],
    ['${ input }', "input can't be used"],
    ['${ .a # }', undefined],
  ])('%s', (text, message) => {
    if (message === undefined) expect(compileValue(text)).toEqual({ jq: '.a', variables: [] })
    else expect(() => compileValue({ with: [text] }, { field: 'set' })).toThrow(`set.with[0]: ${message}`)
  })

  test('a value that nests too deep is refused', () => {
    let deep: Json = '${ . }'
    for (let level = 0; level < 200; level++) deep = [deep]
    expect(() => compileValue(deep)).toThrow(ExpressionError)
  })
})

describe('compileExpression', () => {
  test.each(['.a == 1', '${ .a == 1 }', '${.a == 1}', '  .a == 1\n'])('%s', (text) => {
    expect(compileExpression(text)).toEqual({ jq: '.a == 1', variables: [] })
  })

  test('an unknown variable is named', () => {
    const where = { field: 'do[0].greet.if', variables: [...RUNTIME_VARIABLES, 'item'] }
    expect(compileExpression('$item.a and $workflow.id', where).variables).toEqual(['item', 'workflow'])
    expect(() => compileExpression('$itme.a', where)).toThrow(
      'do[0].greet.if: $itme is not known here; there are $context',
    )
    expect(compileExpression('. as $mine | $mine', where).variables).toEqual([])
  })
})
