/**
 * Programs of the part of jq that is evaluated natively, and data for them, as a property test wants them.
 */
import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import { compileValue } from '../../../../runner/expression/template.ts'
import type { Json } from '../../../../state/event.ts'
import type { Case } from './oracle.ts'

/** Names that JavaScript's objects have, and such as sort or count otherwise than they look. */
const NAMES = ['a', 'b', 'c', 'id', 'items', 'name', 'and', 'toString', 'constructor', '__proto__', 'length']
const KEYS = [
  ...NAMES,
  'b c',
  '',
  '2',
  '10',
  '01',
  '-1',
  'é',
  '\uffff',
  '\u{1f600}',
  '"\\',
  '\ud83d',
  '\ufffd',
]

const ODD = [
  '\uffff',
  '\u{1f600}',
  'x\u{1f600}y',
  'e\u0301',
  '\ud83d',
  '\udc00x',
  '\ufffd',
  '\ufeff',
  '\0',
  '\u2028',
]
const NUMERIC = [
  '1',
  '-1',
  '1.5',
  '1.0',
  '01',
  ' 1',
  '1e3',
  '-0',
  '0x1',
  'nan',
  'Infinity',
  '12345678901234567890',
]
const PLAIN = [
  '',
  'a',
  'ab',
  'b',
  ',',
  'a,b',
  'A-Z é',
  ' a\t',
  '\n',
  '\u007f',
  '\u00a0x',
  'a"\\/b',
  "it's (1)*~!",
]
const TEXTS = [...PLAIN, ...ODD, ...NUMERIC]

const USUAL = [0, -0, 1, -1, 2, 3, 10, 0.5, -0.5, 1.5, -2.5, 0.1, 0.2, 100.25, 1e3]
const LARGE = [
  1e14,
  1e15,
  1e16,
  1e17,
  1e21,
  2 ** 31,
  2 ** 53,
  2 ** 53 - 1,
  2 ** 64,
  1e300,
  Number.MAX_VALUE,
  Infinity,
]
const SMALL = [1e-3, 1e-5, 1e-300, Number.MIN_VALUE]
const NUMBERS = [...USUAL, ...LARGE, ...SMALL]

const number: Arbitrary<Json> = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.integer({ min: -20, max: 20 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)
const string: Arbitrary<Json> = fc.oneof(
  fc.constantFrom(...TEXTS, ...KEYS),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const scalar = fc.oneof(fc.constantFrom<Json>(null, true, false), number, string)

/** As of JSON.parse: own data under every name. */
const objectOf = (value: Arbitrary<Json>): Arbitrary<Json> =>
  fc
    .array(fc.tuple(fc.constantFrom(...KEYS), value), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries) as Json)

const { json, list, object } = fc.letrec<Record<'json' | 'list' | 'object', Json>>((tie) => ({
  json: fc.oneof({ maxDepth: 4, depthSize: 'small' }, scalar, tie('list'), tie('object')),
  list: fc.oneof(
    fc.array(tie('json'), { maxLength: 4 }),
    fc.array(number, { maxLength: 4 }),
    fc.array(string, { maxLength: 4 }),
  ),
  object: objectOf(tie('json')),
}))

/** A string of a program, with the interpolations after its parts. */
function quoted(parts: string[], interpolations: string[]): string {
  const written = parts.map((part, at) => {
    const inner = interpolations[at]
    const text = JSON.stringify(part.toWellFormed()).slice(1, -1)
    return inner === undefined ? text : `${text}\\(${inner})`
  })
  return `"${written.join('')}"`
}

const literal = fc.constantFrom(...TEXTS, ...KEYS).map((part) => quoted([part], []))
const name = fc.constantFrom(...NAMES)

type Rule = 'any' | 'number' | 'text' | 'list' | 'object' | 'truth' | 'pipe' | 'wild' | 'stream'
type Tie = (rule: Rule) => Arbitrary<string>

/** `form` with each of its places, `%`, filled with what the rules make. */
function filled(form: string, ...rules: Arbitrary<string>[]): Arbitrary<string> {
  const parts = form.split('%')
  return fc.tuple(...rules).map((values) => parts.map((part, at) => part + (values[at] ?? '')).join(''))
}

const calls = (names: string): Arbitrary<string> => fc.constantFrom(...names.split(' '))

/** Operators beside each other without brackets: precedence shows. */
function chain(operand: Arbitrary<string>, operators: string): Arbitrary<string> {
  const rest = fc.array(fc.tuple(calls(operators), operand), { minLength: 1, maxLength: 3 })
  return fc.tuple(operand, rest).map(([first, more]) => {
    const links = more.map(([operator, right]) => `${operator} ${right}`)
    const compares = more.filter(([operator]) => /^[=!<>]/.test(operator)).length > 1
    // Of two comparisons beside each other jq says that they are no expression.
    return compares
      ? links.reduce((left, link) => `(${left} ${link})`, first)
      : `(${[first, ...links].join(' ')})`
  })
}

const rules = {
  number: (tie: Tie) => [
    fc.constantFrom(
      '$n',
      '$m',
      '0',
      '1',
      '2',
      '3',
      '-1',
      '0.5',
      '10',
      '1.0',
      '1e3',
      '.5',
      '100000000000000000000',
    ),
    chain(tie('number'), '+ - * / %'),
    filled('-%', tie('number')),
    filled('(% | %)', tie('number'), calls('floor ceil round abs tonumber length')),
    filled('(% | %)', tie('text'), calls('length utf8bytelength')),
    filled('(% | length)', fc.oneof(tie('list'), tie('object'))),
    filled('([%, %] | add)', tie('number'), tie('number')),
    filled('add(%, %)', tie('number'), tie('number')),
  ],
  text: (tie: Tie) => [
    fc.constantFrom('$s', '$t'),
    literal,
    filled('(% | %)', tie('any'), calls('tostring type tojson @text @json @uri @base64')),
    filled('(% | %)', tie('text'), calls('ascii_downcase ascii_upcase trim')),
    filled('(% | %(%))', tie('text'), calls('ltrimstr rtrimstr'), tie('text')),
    filled('(% | split(%) | join(%))', tie('text'), tie('text'), tie('text')),
    filled('%[%:%]', tie('text'), tie('number'), tie('number')),
    chain(tie('text'), '+'),
    fc
      .tuple(
        fc.array(fc.constantFrom(...TEXTS), { minLength: 1, maxLength: 3 }),
        fc.array(tie('pipe'), { maxLength: 2 }),
        fc.constantFrom('', '', '', '@uri ', '@json '),
      )
      .map(([parts, inner, format]) => format + quoted(parts, inner)),
  ],
  list: (tie: Tie) => [
    fc.constantFrom('$l', '$l', '[]'),
    filled('[%]', tie('stream')),
    filled('[%, %]', tie('any'), tie('any')),
    filled('(% | map(%))', tie('list'), tie('pipe')),
    filled('(% | keys)', fc.oneof(tie('list'), tie('object'))),
    filled('(% | split(%))', tie('text'), tie('text')),
    filled('%[%:%]', tie('list'), tie('number'), fc.constantFrom('', '-1', '2')),
    chain(tie('list'), '+'),
  ],
  object: (tie: Tie) => {
    const value = fc.oneof(tie('any'), filled('% | %', tie('any'), tie('pipe')))
    const entry = fc.oneof(
      fc.constantFrom(...NAMES, '$s', 'if', 'end', '"b c"'),
      filled('%: %', fc.oneof(name, fc.constant('$s'), literal), value),
      filled('(%): %', tie('text'), value),
    )
    return [
      fc.constantFrom('$o', '$o', '{}'),
      fc.array(entry, { maxLength: 4 }).map((entries) => `($o | {${entries.join(', ')}})`),
      chain(tie('object'), '+'),
    ]
  },
  truth: (tie: Tie) => [
    chain(tie('any'), '== != < <= > >= and or'),
    chain(fc.oneof(tie('number'), tie('any')), '== < >= and or //'),
    chain(tie('text'), '== != < <= > >='),
    filled('(% | not)', tie('any')),
    filled('(% | %)', tie('list'), calls('any all')),
    filled('(% | %(%))', tie('text'), calls('contains startswith endswith'), tie('text')),
    filled('(% | %(%))', fc.oneof(tie('list'), tie('object')), calls('any all'), tie('truth')),
    filled('(% | has(%))', tie('object'), tie('text')),
    filled('(% | has(%))', tie('list'), tie('number')),
  ],
  any: (tie: Tie) => [
    fc.constantFrom('.', '$v', '$v', '$o', '$l', 'null', 'true', 'false'),
    tie('number'),
    tie('text'),
    tie('list'),
    tie('object'),
    tie('truth'),
    filled('%.%', fc.oneof(fc.constantFrom('', '$o', '$v'), tie('object')), name),
    filled('% .%?', tie('any'), name),
    filled('% . %', tie('object'), literal),
    filled('%[%]', tie('object'), tie('text')),
    filled('%[%]', tie('list'), tie('number')),
    filled('(% | %)', tie('list'), calls('first last')),
    chain(tie('any'), '// and or'),
    filled('(% // %)', filled('$o.%', name), tie('any')),
    filled('(%)', tie('pipe')),
    filled('if % then % end', tie('any'), tie('pipe')),
    filled(
      'if % then % elif % then % else % end',
      tie('truth'),
      tie('any'),
      tie('any'),
      tie('pipe'),
      tie('any'),
    ),
    filled('(% as $s | %)', tie('text'), tie('pipe')),
    filled('(% as $v | %)', tie('any'), tie('pipe')),
    filled('([%] | first)', tie('stream')),
    filled('(% | to_entries)', tie('object')),
    tie('wild'),
  ],
  /** Mostly errors. */
  wild: (tie: Tie) => [
    chain(tie('any'), '+ - * / % // == <'),
    filled('-%', tie('any')),
    filled(
      '(% | %)',
      tie('any'),
      calls('abs add all any ascii_downcase ceil first floor join(",") keys length round tonumber trim'),
    ),
    filled(
      '(% | %(%))',
      tie('any'),
      calls('contains endswith has join ltrimstr map split startswith'),
      tie('any'),
    ),
    filled('%[%]', tie('any'), tie('any')),
    filled('%[%:%]', tie('any'), tie('any'), tie('any')),
  ],
  pipe: (tie: Tie) => [tie('any'), tie('any'), filled('% | %', tie('any'), tie('pipe'))],
  stream: (tie: Tie) => [
    tie('pipe'),
    filled('%, %', tie('any'), tie('any')),
    filled('%[]', fc.oneof(tie('list'), tie('object'))),
    filled('%[] | %', tie('list'), tie('pipe')),
    filled('first(%)', tie('stream')),
    filled('% as $v | %', tie('any'), tie('stream')),
    filled('% + % as $n | %', tie('number'), tie('number'), tie('stream')),
    filled('%, %[] as $v | %, $v', tie('any'), tie('list'), tie('any')),
    filled('if % then error(%) else % end', tie('truth'), tie('any'), tie('any')),
    filled('%[] | select(%)', tie('list'), tie('truth')),
    filled('%[][%]', tie('list'), tie('any')),
    filled('if % then % else empty end', tie('any'), tie('stream')),
    filled('%, % | %', tie('any'), tie('any'), tie('any')),
  ],
}

const { pipe, stream } = fc.letrec<Record<Rule, string>>((tie) => {
  const depthIdentifier = fc.createDepthIdentifier()
  const made = Object.entries(rules).map(([rule, alternatives]) => [
    rule,
    // The first of a rule ends the recursion.
    fc.oneof({ depthSize: 'small', maxDepth: 6, depthIdentifier }, ...alternatives(tie as Tie)),
  ])
  return Object.fromEntries(made) as Record<Rule, Arbitrary<string>>
})

/** The program of a value with expressions in it. */
const template = fc.tuple(pipe, stream, literal).map(([first, second, text]) => {
  const value = compileValue(
    { a: `\${ ${first} }`, 'b"\\(1)': [`\${ ${second} }`, text, null] },
    { field: 'with' },
  )
  return 'jq' in value ? value.jq : 'null'
})

export const anyCase: Arbitrary<Case> = fc.record({
  text: fc
    .oneof(
      { weight: 5, arbitrary: pipe },
      { weight: 1, arbitrary: stream },
      { weight: 1, arbitrary: template },
    )
    .filter((text) => text.length < 1500),
  input: fc.oneof({ weight: 1, arbitrary: scalar }, { weight: 4, arbitrary: json }),
  variables: fc.record({ v: json, n: number, m: number, s: string, t: string, l: list, o: object }),
})
