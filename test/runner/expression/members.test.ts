import { describe, expect, test } from '@jest/globals'
import { membersRead, soleMember, toleratesMissing } from '../../../runner/expression/members.ts'
import { compileExpression, compileValue } from '../../../runner/expression/template.ts'
import type { Json } from '../../../state/event.ts'
import type { Program } from '../../../runner/expression/expression.ts'

const read = (text: string): string[] | 'all' => {
  const found = membersRead([compileExpression(text)], 'globals')
  return found === 'all' ? found : [...found].toSorted()
}

describe('what is read of a variable', () => {
  test.each<[string, string[] | 'all']>([
    ['$globals.USER', ['USER']],
    ['$globals."a-b"', ['a-b']],
    ['$globals["a-b"]', ['a-b']],
    ['$globals.["a-b"]', ['a-b']],
    [String.raw`$globals["ü\""]`, ['ü"']],
    ['$globals . "A"', ['A']],
    ['$globals # why\n.A', ['A']],
    ['$globals.A + $globals.B.C', ['A', 'B']],
    ['"see $globals.FOO: " + $globals.BAR', ['BAR']],
    [String.raw`"is \($globals.A)"`, ['A']],
    ['{"$globals.FOO": $globals.A}', ['A']],
    ['. as $globals | $globals.LOCAL', []],
    ['(. as $globals | 1) + $globals.OUTER', ['OUTER']],
    ['$globals', 'all'],
    ['$globals | .A', 'all'],
    ['$globals[.name]', 'all'],
    ['$globals["a", "b"]', 'all'],
    [String.raw`$globals["a\(.x)"]`, 'all'],
    ['$globals.A + ($globals | length)', 'all'],
    ['{$globals}', 'all'],
  ])('%s', (text, members) => {
    expect(read(text)).toEqual(members)
  })

  test('in all texts of a value', () => {
    const value = compileValue({ a: '${ $globals.A }', b: ['${ $globals.B }', 'say $globals.C'] }) as Program
    expect(membersRead([value], 'globals')).toEqual(new Set(['A', 'B']))
    expect(toleratesMissing(value)).toBe(false)
  })
})

test('in expressions that nest as deep as they may, deep in a value', () => {
  const deep = `${'['.repeat(190)}$globals.A${']'.repeat(190)}`
  const value = compileValue(
    Array.from({ length: 50 }).reduce<Json>((inner) => [inner], `\${ ${deep} }`),
  ) as Program
  expect(membersRead([value], 'globals')).toEqual(new Set(['A']))
})

test.each([
  ['$globals.A // "none"', true],
  ['$globals.A?', true],
  ['$globals | has("A")', true],
  ['"really?" + $globals.A', false],
  ['"https://example.com/" + $globals.A', false],
  ['"a // b" + $globals.A', false],
  ['{has: $globals.A}', false],
])('whether %s can do without a member', (text, tolerates) => {
  expect(toleratesMissing(compileExpression(text))).toBe(tolerates)
})

test.each([
  ['$globals.A', 'A'],
  [' $globals["a-b"] ', 'a-b'],
  ['$globals.A + 1', undefined],
  ['$globals.A.B', undefined],
  ['$globals', undefined],
  ['$other.A', undefined],
  ['"$globals.A"', undefined],
])('what %s gives as it is', (text, member) => {
  expect(soleMember(compileExpression(text), 'globals')).toBe(member)
})
