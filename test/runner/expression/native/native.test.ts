import { afterAll, describe, expect, test } from '@jest/globals'
import type { Program, Variables } from '../../../../runner/expression/expression.ts'
import { createJq } from '../../../../runner/expression/jq.ts'
import { compileNative } from '../../../../runner/expression/native/native.ts'
import { compileExpression, compileValue } from '../../../../runner/expression/template.ts'
import type { Json } from '../../../../state/event.ts'

const MAX_OUTPUT = 100_000
const jq = createJq({ maxOutput: MAX_OUTPUT, timeLimitMs: 20_000 })
afterAll(() => jq.close())

/** Undefined: it is left to jq. */
function evaluate(program: Program, input: Json, variables: Variables): Json | undefined {
  return compileNative(program, MAX_OUTPUT)?.(input, variables).value
}

const input = JSON.parse(`{
  "n": 5, "zero": 0, "half": 0.5, "large": 9007199254740993, "infinite": 1e999, "tiny": 1e-7, "t": "Ada", "number": "12", "none": null, "yes": true, "no": false,
  "list": [3, 1, 2], "items": [{"id": 1, "price": 2.5}, {"id": 2, "price": 4}], "deep": {"a": {"b c": [0, {"d": "found"}]}},
  "__proto__": {"own": 1}, "emoji": "a\u{1f600}b", "half pair": "\\ud83d", "indices": {"10": 1, "2": 2, "x": 3}, "": "empty"
}`) as Json
const variables: Variables = { v: { x: [1, 2], constructor: 'mine' }, s: 'text' }

/** `jq`: left to it, and it has a value too. `error`: left to it, and it has none. */
const TRAPS: Record<string, [expression: string, by: 'native' | 'jq' | 'error'][]> = {
  'what JavaScript objects inherit is not there': [
    ['.constructor', 'native'],
    ['.toString', 'native'],
    ['.hasOwnProperty', 'native'],
    ['.deep.__proto__', 'native'],
    ['.__proto__', 'native'],
    ['.__proto__.own', 'native'],
    ['{__proto__: 1}', 'native'],
    ['{__proto__: {polluted: 1}} | .polluted', 'native'],
    ['{"__proto__": 1} + {a: 2}', 'native'],
    ['[.deep | has("toString"), has("__proto__")]', 'native'],
    ['.list.length', 'error'],
    ['.t.length', 'error'],
    ['$v.constructor', 'native'],
    ['toString', 'error'],
    ['constructor', 'error'],
    ['@constructor', 'error'],
    ['[] | .["push"]', 'error'],
  ],
  'null, false and errors': [
    ['.none.a.b[0]["c"]', 'native'],
    ['.none[1:2]', 'native'],
    ['.no // "x"', 'native'],
    ['.no // .none', 'native'],
    ['.zero // 1', 'native'],
    ['.t.a? // "x"', 'jq'],
    ['.t.a // "x"', 'error'],
    ['.none.a? // "x"', 'native'],
    ['.t.a', 'error'],
    ['.list["a"]', 'error'],
    ['.[0]', 'error'],
    ['.none | .[null]', 'error'],
    ['.no and .t.a', 'native'],
    ['.yes or .t.a', 'native'],
    ['.yes and .t.a', 'error'],
    ['[.zero and true, "" and true, (null or false)]', 'native'],
    ['.deep | if .none then 1 end', 'native'],
    ['[.items[] | .id?]', 'native'],
    ['.list[] | select(. == 1)', 'native'],
    ['.list[] | select(. > 9)', 'native'],
    ['.list[] | select(. > 1)', 'error'],
    ['.n / .zero', 'error'],
    ['.n % .half', 'error'],
    ['.none | not', 'native'],
    ['error', 'error'],
    ['if .none then error("none") else .t end', 'native'],
    ['if .no then 1 else error("no") end', 'error'],
    ['try error catch 1', 'jq'],
    ['.none.a[.t.x]', 'error'],
    ['[[][].a[true.x]]', 'error'],
  ],
  precedence: [
    ['1 + 2 * 3 - 4 / 2', 'native'],
    ['7 - 2 - 1', 'native'],
    ['1 // 2 | . + 1', 'native'],
    ['null // false // 3', 'native'],
    ['false // 2 == 2 and true', 'native'],
    ['-.n + 1', 'native'],
    ['1 - -1', 'native'],
    ['[.n, .t | length]', 'native'],
    ['{a: .n | . + 1, b: 2}', 'native'],
    ['{a: 1 + 2, b: .none // 3, c: .n == 5}', 'native'],
    ['{"a \\(.n)": 1, t, $s, "n", ("x" + "y"): 2,}', 'native'],
    ['{a: (1, 2)}', 'error'],
    ['{a: 1, b: 2, a: 3}', 'native'],
    ['[.["t"], ."t", .deep."a", .deep.["a"]["b c"][-1].d]', 'native'],
    ['if .no then 1 elif .none then 2 elif .yes then 3 else 4 end + 1', 'native'],
    ['.n==5and.yes', 'native'],
    ['.list[.n - 4]', 'native'],
    ['1 == 1 == true', 'error'],
    ['.list | .[1:][0]', 'native'],
    ['. as $x | $x.n', 'native'],
    ['1 + .n as $x | $x * 2', 'native'],
    ['[1, .n as $x | $x, 5]', 'native'],
    ['[.list[] as $s | $s, $v.x[0]]', 'native'],
    ['.n as $s | [$s, ("in" as $s | $s), $s]', 'native'],
    ['.n as $s | {$s, t: .t}', 'native'],
    ['. as {$n} | $n', 'jq'],
    ['. as [$a] ?// $a | 1', 'jq'],
    ['.n = 1', 'jq'],
    ['.. | numbers | select(. == 0.5)', 'jq'],
  ],
  numbers: [
    ['0.1 + 0.2', 'native'],
    ['"\\(0.1 + 0.2)"', 'native'],
    ['1.0', 'jq'],
    ['1e3', 'jq'],
    ['"\\(1.0)"', 'jq'],
    ['"\\(.n) \\(.half) \\(-.n)"', 'native'],
    ['"\\(.large)"', 'jq'],
    ['"\\(.tiny)"', 'jq'],
    ['.large', 'native'],
    ['.large + 1', 'native'],
    ['9007199254740993', 'jq'],
    ['.zero * -1', 'jq'],
    ['1e308 * 10', 'jq'],
    ['[5 % 3, -5 % 3, 5 % -3, -4 % 2, 5.9 % 2.1]', 'native'],
    ['[2.5, -2.5, -1.5, 0.4, 0.49999999999999994 | round]', 'native'],
    ['[2.5, -2.5 | floor, ceil]', 'native'],
    ['-0.5 | ceil', 'jq'],
    ['.number | tonumber', 'native'],
    ['"1.50" | tonumber', 'jq'],
    ['"12a" | tonumber', 'error'],
    ['.infinite', 'jq'],
    ['.infinite // 1', 'jq'],
    ['if .infinite then 1 else 2 end', 'jq'],
    ['[.infinite] | any', 'jq'],
    ['.none[.infinite]', 'error'],
    ['.list[1.7]', 'jq'],
    ['.list[5]', 'native'],
    ['.list[-4]', 'native'],
    ['.list | add / length', 'native'],
    ['[.items[] | .price] | add', 'native'],
    ['add(.items[].price)', 'native'],
    ['.items | map(.price * 2)', 'native'],
  ],
  'texts and Unicode': [
    ['.emoji | length', 'native'],
    ['.emoji[1:2]', 'native'],
    ['.emoji | utf8bytelength', 'native'],
    ['.emoji | split("")', 'native'],
    ['"\\ud83d\\ude00" == .emoji[1:2]', 'native'],
    ['"\\uffff" < "\\ud83d\\ude00"', 'native'],
    ['.["half pair"]', 'jq'],
    ['.["half pair"] | length', 'jq'],
    ['.["half pair"] == "\\ufffd"', 'jq'],
    ['{x: [.["half pair"]]}', 'jq'],
    ['"\\u007f\\u0000\\n\\u2028" | tojson', 'native'],
    ['"a\tb\n"', 'native'],
    ['"\\"quoted\\" \\/ \\\\(.n)"', 'native'],
    ['"\\("nested \\(.t)")"', 'native'],
    ['.t | ascii_downcase + "É" | ascii_upcase', 'native'],
    ['"é*(1)~!\' " | @uri', 'native'],
    ['@uri "http://x/\\(.t + "/")?q=\\("é")"', 'native'],
    ['@base64 "\\(.emoji)"', 'native'],
    ['@sh "echo \\(.t)"', 'jq'],
    ['"\\u00a0 a" | trim', 'jq'],
    ['" a\\t" | trim', 'native'],
    ['"a,b" / ","', 'native'],
    ['"" | split(",")', 'native'],
    ['.t * 2', 'jq'],
    ['[.t | startswith("A"), endswith("a"), contains("d"), ltrimstr("A"), rtrimstr("x")]', 'native'],
    ['.n | startswith("A")', 'error'],
    ['.t | test("^A")', 'jq'],
    ['[1, null, "a", true] | join("-")', 'native'],
    ['[[1]] | join("-")', 'error'],
  ],
  'objects, lists and their order': [
    ['.indices', 'native'],
    ['.indices | keys', 'native'],
    ['{b: 1, "2": 2, "1": 3}', 'native'],
    ['{b: 1, "2": 2} | tojson', 'jq'],
    ['[{b: 1, "2": 2}[]]', 'jq'],
    ['[.deep[]]', 'native'],
    ['{b: 1, a: [.t]} | tostring', 'native'],
    ['{b: 1} + {a: 2} + {b: 3}', 'native'],
    ['{a: {b: 1}} * {a: {c: 2}}', 'jq'],
    ['.list + .list', 'native'],
    ['.list - [1]', 'jq'],
    ['.list | sort', 'jq'],
    ['[.list | first, last, length, keys, any, all]', 'native'],
    [
      '[null, false, true, 0, "", [], {}] | [.[0] < .[1], .[1] < .[2], .[2] < .[3], .[3] < .[4], .[4] < .[5], .[5] < .[6]]',
      'native',
    ],
    ['[[1, 2] < [1, 3], [1] < [1, 0], [] == []]', 'native'],
    ['{a: 1, b: [2]} == {b: [2], a: 1}', 'native'],
    ['{a: 1} < {a: 2}', 'jq'],
    ['.deep | has("a")', 'native'],
    ['.list | [has(0), has(3), has(-1)]', 'native'],
    ['.none | has("a")', 'jq'],
    ['.yes | length', 'error'],
    ['.items[1:] + .items[:1] | map({id})', 'native'],
    ['[.items[] | select(.price > 3) | .id]', 'native'],
    ['first(.items[] | select(.price > 2)).id', 'native'],
    ['first(.items[] | select(.price > 9))', 'native'],
    ['first(null, 1)', 'native'],
    ['first(1, error)', 'jq'],
    ['.items | [any(.id == 2), all(.id == 2)]', 'native'],
    ['.deep | to_entries', 'native'],
    ['.list | to_entries', 'jq'],
  ],
}

describe.each(Object.entries(TRAPS))('%s', (_, traps) => {
  test.each(traps)('%s', async (text, by) => {
    const program = compileExpression(text)
    const expected = await jq.evaluate(program, input, variables).catch(() => undefined)
    expect(expected === undefined).toBe(by === 'error')
    const value = evaluate(program, input, variables)
    expect(value === undefined).toBe(by !== 'native')
    // As text: the order of keys counts.
    if (by === 'native') expect(JSON.stringify(value)).toBe(JSON.stringify(expected))
  })
})

test('a value with expressions in it', async () => {
  const value = compileValue(
    { body: { 'a"\\(1)': ['${ .t }', 1, null, '${ empty }'], b: '${ $v.x[1] }' }, plain: 'text' },
    { field: 'with' },
  ) as Program
  const expected = { body: { 'a"\\(1)': ['Ada', 1, null, null], b: 2 }, plain: 'text' }
  expect(evaluate(value, input, variables)).toEqual(expected)
  expect(await jq.evaluate(value, input, variables)).toEqual(expected)
  const several = compileValue({ b: '${ .list[] }' }, { field: 'with' }) as Program
  expect(evaluate(several, input, variables)).toBeUndefined()
})

test('nothing is written to the prototype of objects, and what was made has its own data', () => {
  const made = evaluate(compileExpression('{__proto__: {polluted: true}}'), null, {}) as object
  expect(Object.keys(made)).toEqual(['__proto__'])
  expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})

describe('bounds', () => {
  const double = (times: number): string => Array.from({ length: times }, () => '. + .').join(' | ')
  const nested = (depth: number): Json => Array.from({ length: depth }).reduce<Json>((inner) => [inner], null)
  const many = Array.from({ length: 2000 }, (_, at) => at)

  test.each<[what: string, expression: string, data: Json]>([
    ['an output that is too large', '.', 'x'.repeat(MAX_OUTPUT)],
    ['an output that nests too deep', '.', nested(201)],
    ['a comparison that nests too deep', '. == [.]', nested(100_000)],
    ['a text that grows', double(60), 'x'],
    ['a list that grows', double(60), [1]],
    [
      'a search of each character with each',
      '. + "b" + . | . as $part | "\\(.)\\(.)" | contains("c" + $part)',
      'a'.repeat(30_000),
    ],
    ['a list for each item of a list', 'map($all | map(. + 1)) | length', many],
    ['a long program', Array.from({ length: 2000 }, () => '.').join(' | '), 1],
    ['a program that nests', `${'('.repeat(190)}.${')'.repeat(190)} + ${'-'.repeat(1100)}1`, 1],
    ['a long chain of alternatives', Array.from({ length: 1500 }, () => '.a').join(' // '), null],
  ])('%s is left to jq', (_, expression, data) => {
    const native = compileNative(compileExpression(expression), MAX_OUTPUT)
    expect(native?.(data, { all: many }).value).toBeUndefined()
  })
})
