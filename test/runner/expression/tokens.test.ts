import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ExpressionError } from '../../../runner/expression/expression.ts'
import { readProgram } from '../../../runner/expression/tokens.ts'

describe('the variables that a program takes from outside', () => {
  const cases: [program: string, variables: string[]][] = [
    ['.body', []],
    ['$context.a + $input.b', ['context', 'input']],
    ['"a\\($globals.A)b\\("\\($secrets.b)")"', ['globals', 'secrets']],
    ['"\\\\($x"', []],
    ['1 as $x | $x', []],
    ['$x as $x | $x', ['x']],
    ['(1 as $x | 2) | $x', ['x']],
    ['. as [$a, {b: $c, $d}] | $a + $c + $d', []],
    ['. as {($key): $v} | $v', ['key']],
    ['. as [$a] ?// $a | $a', []],
    ['reduce .[] as $i (0; . + $i) | $i', ['i']],
    ['foreach .[] as [$a, $b] ($init; . + $a; $b)', ['init']],
    ['def f($a; g): $a + $b | g; f(1; 2) | $a', ['a', 'b']],
    ['def f: def g($z): $z; g(1); f', []],
    ['label $out | foreach .[] as $i (0; .; if $i > $max then ., break $out else . end)', ['max']],
    ['f(1 as $x | $x; $x)', ['x']],
    ['.a?//$b', ['b']],
    ['{$input, output: $context}', ['context', 'input']],
    ['.a # $commented\n | $b', ['b']],
    ['.a # on \\\n $commented\n | $b', ['b']],
    ['@base64 "\\($a)"', ['a']],
  ]
  test.each(cases)('%s', (program, variables) => {
    expect(readProgram(program).variables).toEqual(variables)
  })
})

describe('what is let through', () => {
  const cases = [
    '.input',
    '.env.debug',
    '{input}',
    '{input: 1, debug: 2, env}',
    '$input',
    '. as {input: $x} | $x',
    '"input \\(1) halt"',
    '."input"',
    '{"input": .halt}',
    '{a: 1, input}',
    '{if: 1} | .if',
    '.5 + 1.e3',
    'try error("x") catch .',
    'if . then 1 elif 2 then 3 else 4 end',
    '.. | numbers',
    '.[1:-1]?',
    '.a |= 1 | .b //= 2 | .c %= 3',
    '"}"',
    '"]) \\")"',
    'def f: ")"; f',
  ]
  test.each(cases)('%s', (program) => {
    expect(readProgram(program).text).toBe(program)
  })
})

describe('what is refused', () => {
  const cases: [program: string, message: string][] = [
    ['', 'the expression is empty'],
    [' # only a comment', 'the expression is empty'],
    ['input', "input can't be used"],
    ['[inputs]', "inputs can't be used"],
    ['{a: input}', "input can't be used"],
    ['{(input): 1}', "input can't be used"],
    ['{a: if 1, input then 2 end}', "input can't be used"],
    ['{a: (1, debug)}', "debug can't be used"],
    ['"\\(env.PATH)"', "env can't be used"],
    ['$ENV.PATH', "$ENV can't be used"],
    ['{$ENV}', "$ENV can't be used"],
    ['$__loc__', "$__loc__ can't be used"],
    ['{$__loc__}', "$__loc__ can't be used"],
    ['$__prog_args', "$__prog_args can't be used"],
    ['import "a" as a; 1', "import can't be used"],
    ['include "a"; 1', "include can't be used"],
    ['halt_error', "halt_error can't be used"],
    ['. | halt', "halt can't be used"],
    ['input_line_number', "input_line_number can't be used"],
    ['get_search_list', "get_search_list can't be used"],
    ['"a" | modulemeta', "modulemeta can't be used"],
    ['a::b', "modules can't be used"],
    ['def input: 1; 2', "input can't be used"],
    ['$ x', '$ must be followed by'],
    ['. ` .', '"`" has no meaning'],
    [') | (', ') closes nothing'],
    ['(]', "] can't close ("],
    ['"\\(1]"', "] can't close \\("],
    ['"open', 'a string is never closed'],
    ['"open \\', 'a string is never closed'],
    ['[1', '[ is never closed'],
    ['if . then (1', '( is never closed'],
    ['(if . then 1)', ") can't close if"],
    ['(def f: 1)', ") can't close def"],
    ['('.repeat(300), 'nests at most'],
    ['1'.repeat(70_000), 'at most 65536 characters'],
  ]
  test.each(cases)('%s', (program, message) => {
    expect(() => readProgram(program)).toThrow(ExpressionError)
    expect(() => readProgram(program)).toThrow(message)
  })

  test('any text is read or refused, and what is read stays as it is when read again', () => {
    const piece = fc.constantFrom(
      ...'()[]{}"\\(;:|,.$#\n'.split(''),
      '"',
      'def f: ',
      'if ',
      'end',
      '$x',
      ' as ',
      'input',
      '?//',
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
    )
    fc.assert(
      fc.property(text, (source) => {
        try {
          const reading = readProgram(source)
          expect(readProgram(reading.text)).toEqual(reading)
        } catch (error) {
          if (!(error instanceof ExpressionError)) throw error
        }
      }),
    )
  })
})
